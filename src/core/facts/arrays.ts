import { known, unreadable, type FirstFact } from "./fact.js";
import type { ReportedMapping } from "./mappings.js";

// The kernel has no name for an array but its number: the link in /dev/md says whose it is. No process is started for one.
const SCRIPT = `
for link in /dev/md/converge-*; do
  [ -L "$link" ] || continue
  node=$(readlink -e "$link") || continue
  kernel=\${node##*/}
  base=/sys/block/$kernel
  [ -r "$base/md/level" ] && read -r level <"$base/md/level" && read -r metadata <"$base/md/metadata_version" || continue
  read -r size <"$base/size" && read -r number <"$base/dev" || continue
  held=0
  for holder in "$base"/holders/*; do if [ -e "$holder" ]; then held=1; fi; done
  for physical in /sys/bus/xen-backend/devices/vbd-*/physical_device; do
    [ -r "$physical" ] && read -r device <"$physical" || continue
    if [ "$((0x\${device%:*})):$((0x\${device#*:}))" = "$number" ]; then held=1; fi
  done
  bitmap=none
  if [ -r "$base/md/bitmap/location" ]; then read -r bitmap <"$base/md/bitmap/location"; fi
  printf 'array %s %s %s %s %s %s\\n' "\${link##*/}" "$size" "$level" "$metadata" "$held" "$bitmap"
  for member in "$base"/md/dev-*; do
    [ -r "$member/block/dev" ] && read -r device <"$member/block/dev" && read -r state <"$member/state" && read -r slot <"$member/slot" || continue
    printf 'member %s %s %s\\n' "$device" "$slot" "$state"
  done
done
exit 0
`;

/**
 * md arrays of converge's own (Documentation/admin-guide/md.rst), as device-mapper's are reported. The complete member
 * comes first: the one with the lower slot among those that are in sync, since a member in the making takes the next.
 */
export const fact: FirstFact<readonly ReportedMapping[]> = {
  name: "arrays",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("md arrays", result);
    const found: { array: ReportedMapping; members: Member[] }[] = [];
    for (const line of result.stdout.split("\n")) {
      const array = /^array (\S+) (\d+) raid1 none ([01])(?: (\S+))?$/.exec(line);
      const member = /^member (\d+:\d+) (\d+|none) (\S+)$/.exec(line);
      if (line.startsWith("array ") && array === null) return unreadable("md arrays", result, "one of converge's names is another's");
      if (array !== null) {
        const [, name = "", sectors = "0", held, bitmap] = array;
        found.push({ array: { name: `md/${name}`, bytes: Number(sectors) * 512, open: held === "1", ...(bitmap === "file" ? { bitmap: true } : {}), legs: [], kind: "linear", inSync: false }, members: [] });
      } else if (member !== null) {
        found.at(-1)?.members.push({ devno: member[1] ?? "", inSync: isInSync(member[2] ?? "", member[3] ?? ""), slot: Number(member[2]) });
      }
    }
    return known(found.map(({ array, members }) => {
      const legs = [...members].sort((a, b) => Number(b.inSync) - Number(a.inSync) || a.slot - b.slot);
      return {
        ...array, legs: legs.map(({ devno }) => devno), kind: legs.length > 1 ? "mirror" as const : "linear" as const,
        inSync: legs.length > 1 && legs.every((leg) => leg.inSync),
      };
    }));
  },
};

interface Member {
  readonly devno: string;
  readonly inSync: boolean;
  readonly slot: number;
}

function isInSync(slot: string, state: string): boolean {
  const words = state.split(",");
  return slot !== "none" && words.includes("in_sync") && !words.includes("faulty");
}
