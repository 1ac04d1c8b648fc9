import type { Mapping } from "../model/storage.js";
import { absent, known, unreadable, type FirstFact } from "./fact.js";

/** A device-mapper device of converge's own, its legs by `major:minor`. */
export interface ReportedMapping {
  readonly name: string;
  readonly bytes: number;
  readonly open: boolean;
  /** An array's: it has a write-intent bitmap in a file. */
  readonly bitmap?: true;
  readonly legs: readonly string[];
  readonly kind: Mapping["table"]["kind"];
  /** Of a mirror: both legs are whole and equal. */
  readonly inSync: boolean;
}

// Only devices that converge made are asked for their tables. Names of others may hold blanks: those have no such UUID.
const SCRIPT = `
command -v dmsetup >/dev/null || exit 127
dmsetup info -c --noheadings --separator ' ' -o uuid,open,name 2>/dev/null | while read -r uuid open name; do
  case $uuid in
    CONVERGE-*)
      printf '%s %s table %s\\n' "$name" "$open" "$(dmsetup table "$name")"
      printf '%s %s status %s\\n' "$name" "$open" "$(dmsetup status "$name")"
      ;;
  esac
done
exit 0
`;

/** Device-mapper devices of converge's own: dmsetup(8); the tables are described in the kernel's device-mapper documents. */
export const fact: FirstFact<readonly ReportedMapping[]> = {
  name: "mappings",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode === 127) return absent;
    if (result.exitCode !== 0) return unreadable("device-mapper devices", result);
    const found = new Map<string, ReportedMapping>();
    for (const line of result.stdout.split("\n")) {
      const match = /^(\S+) (\d+) (table|status) 0 (\d+) (linear|mirror) (.*)$/.exec(line);
      if (match === null) continue;
      const [, name = "", open = "0", what, sectors = "0", kind, rest = ""] = match;
      const before = found.get(name);
      if (what === "table") {
        // a log on a device is no leg
        const legs = rest.replace(/^disk \d+ \S+ /, "").match(/\b\d+:\d+\b/g) ?? [];
        found.set(name, {
          name, bytes: Number(sectors) * 512, open: open !== "0", legs, inSync: false, kind: kind === "mirror" ? "mirror" : "linear",
        });
      } else if (before !== undefined && kind === "mirror") {
        found.set(name, { ...before, inSync: isInSync(rest) });
      }
    }
    return known([...found.values()]);
  },
};

/** `2 7:2 253:4 256/256 1 AA 1 core`: legs, regions in sync of all, a letter of health for each leg. */
function isInSync(status: string): boolean {
  const match = /^\d+ (?:\S+ )+(\d+)\/(\d+) 1 ([A-Z]+) /.exec(status);
  return match?.[1] !== undefined && match[1] === match[2] && /^A+$/.test(match[3] ?? "");
}
