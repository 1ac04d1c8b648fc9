import { known, unreadable, type FirstFact } from "./fact.js";

export type ModuleState = "loaded" | "available" | "missing";

/** Those that some strategy may want, by the kernel's own names (underscores). */
export const MODULES = [
  "dm_clone", "dm_era", "dm_mirror", "dm_mod", "dm_raid", "dm_snapshot", "dm_thin_pool", "drbd", "ext4", "loop",
  "md_mod", "nbd", "raid1", "xen_blkback", "xfs",
] as const;

// Loaded: sysfs shows built-in ones too where they have parameters. Built in without: modules.builtin. Else the
// index of what can be loaded (kmod's modules.dep). A few names are drivers under another name.
const SCRIPT = `
read -r kernel </proc/sys/kernel/osrelease
read_quietly() { dd if="$1" iflag=noatime 2>/dev/null || cat "$1" 2>/dev/null; }
for name in "$@"; do
  if [ -d "/sys/module/$name" ]; then printf 'loaded %s\\n' "$name"; fi
done
for file in /proc/filesystems; do
  while read -r one two; do printf 'loaded %s\\n' "\${two:-$one}"; done <"$file"
done
for base in /lib/modules /usr/lib/modules; do
  [ -d "$base/$kernel" ] || continue
  read_quietly "$base/$kernel/modules.builtin" | sed 's/^/builtin /'
  read_quietly "$base/$kernel/modules.dep" | sed 's/:.*//; s/^/file /'
  break
done | grep -E "/($(printf '%s' "$*" | sed 's/_/[-_]/g; s/ /|/g'))[.]ko"
exit 0
`;

/** Kernel modules, loaded or there to be loaded. */
export const fact: FirstFact<Readonly<Record<string, ModuleState>>> = {
  name: "modules",
  round: 1,
  needs: ["grep", "sed"],
  command: ["sh", "-c", SCRIPT, "sh", ...MODULES],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("kernel modules", result);
    const loaded = new Set<string>();
    const available = new Set<string>();
    for (const line of result.stdout.split("\n")) {
      const [kind = "", path = ""] = line.split(" ");
      const name = (path.split("/").at(-1) ?? "").replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
      if (kind === "loaded" || kind === "builtin") loaded.add(name);
      else if (kind === "file") available.add(name);
    }
    const state = (name: string): ModuleState => {
      if (loaded.has(name)) return "loaded";
      return available.has(name) ? "available" : "missing";
    };
    return known(Object.fromEntries(MODULES.map((name) => [name, state(name)])));
  },
};
