import { STEP_MODULES } from "../steps/kind-of.js";
import { known, unreadable, type FirstFact } from "./fact.js";

export type ModuleState = "loaded" | "available" | "missing";

/** Asked for besides, though no kind of step names them: what a host's recording tells whoever reads it. */
const BESIDES: readonly string[] = ["dm_clone", "dm_era", "dm_mod", "dm_raid", "dm_thin_pool", "ext4", "md_mod", "nbd", "xen_blkback", "xfs"];

/** Those that some step may want, as its kind says (`modules`), and those above, by the kernel's own names (underscores). */
export const MODULES: readonly string[] = [...new Set([...STEP_MODULES, ...BESIDES])].sort();

/** A line of kmod's modules.dep up to its colon, or of modules.builtin. Some names are a file's under another. */
const FILES = `^[^:]*/(${MODULES.map((name) => name.replaceAll("_", "[-_]")).join("|")})[.]ko[^:]*:?`;

// Loaded: sysfs shows built-in ones too where they have parameters.
const SCRIPT = `
files=$1
shift
for name in "$@"; do
  if [ -d "/sys/module/$name" ]; then printf 'loaded %s\\n' "$name"; fi
done
while read -r one two; do printf 'loaded %s\\n' "\${two:-$one}"; done </proc/filesystems
read -r kernel </proc/sys/kernel/osrelease
for base in /lib/modules /usr/lib/modules; do
  if [ -d "$base/$kernel" ]; then
    grep -hoE "$files" "$base/$kernel/modules.builtin" "$base/$kernel/modules.dep" 2>/dev/null
    break
  fi
done
exit 0
`;

/** Kernel modules, loaded or there to be loaded. */
export const fact: FirstFact<Readonly<Record<string, ModuleState>>> = {
  name: "modules",
  round: 1,
  command: ["sh", "-c", SCRIPT, "sh", FILES, ...MODULES],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("kernel modules", result);
    const loaded = new Set<string>();
    const available = new Set<string>();
    for (const line of result.stdout.split("\n")) {
      if (line.startsWith("loaded ")) loaded.add(line.slice("loaded ".length));
      else (line.endsWith(":") ? available : loaded).add(moduleName(line));
    }
    const state = (name: string): ModuleState => {
      if (loaded.has(name)) return "loaded";
      return available.has(name) ? "available" : "missing";
    };
    return known(Object.fromEntries(MODULES.map((name) => [name, state(name)])));
  },
};

/** `kernel/drivers/md/dm-snapshot.ko.xz:` → `dm_snapshot` */
function moduleName(path: string): string {
  return (path.split("/").at(-1) ?? "").replace(/\.ko.*$/, "").replaceAll("-", "_");
}
