import { known, unreadable, type FirstFact } from "./fact.js";

/** A block device as the kernel knows it (sysfs-block). */
export interface KernelBlockDevice {
  /** `dm-3`, `sda1`, `loop0`. */
  readonly name: string;
  readonly devno: string;
  readonly bytes: number;
  readonly readOnly: boolean;
  /** Devices on top of this one (md, dm, loop is not among them), by kernel name. */
  readonly holders: readonly string[];
  /** Of a logical sector. Unset: in facts that were recorded before it was read. */
  readonly sectorBytes?: number;
  /** Device-mapper's own name for it: `vg0-root`. */
  readonly dmName?: string;
}

// builtins only: no process is started for a device
const SCRIPT = `
for path in /sys/class/block/*; do
  [ -r "$path/dev" ] || continue
  read -r dev <"$path/dev" && read -r size <"$path/size" && read -r ro <"$path/ro" || continue
  sector=
  # that of a partition is its disk's
  for queue in "$path"/queue "$path"/../queue; do
    if [ -r "$queue/logical_block_size" ]; then read -r sector <"$queue/logical_block_size"; break; fi
  done
  dm=-
  if [ -r "$path/dm/name" ]; then read -r dm <"$path/dm/name"; fi
  holders=
  for holder in "$path"/holders/*; do
    if [ -e "$holder" ]; then holders="$holders \${holder##*/}"; fi
  done
  printf '%s %s %s %s%s %s%s\\n' "\${path##*/}" "$dev" "$size" "$ro" "\${sector:+/$sector}" "$dm" "$holders"
done
exit 0
`;

/** Block devices as the kernel has them (sysfs-class-block in Documentation/ABI; sizes there are in sectors of 512 bytes). */
export const fact: FirstFact<readonly KernelBlockDevice[]> = {
  name: "block-devices",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("block devices", result);
    const devices: KernelBlockDevice[] = [];
    for (const line of result.stdout.split("\n")) {
      const match = /^(\S+) (\d+:\d+) (\d+) ([01])(?:\/(\d+))? (\S+)((?: \S+)*)$/.exec(line);
      if (match === null) continue;
      const [, name = "", devno = "", sectors = "0", ro, sector, dm = "-", holders = ""] = match;
      devices.push({
        name,
        devno,
        // the kernel counts in 512 bytes, whatever the sector size
        bytes: Number(sectors) * 512,
        readOnly: ro === "1",
        holders: holders.split(" ").filter((holder) => holder !== ""),
        ...(sector === undefined ? {} : { sectorBytes: Number(sector) }),
        ...(dm === "-" ? {} : { dmName: dm }),
      });
    }
    return known(devices);
  },
};
