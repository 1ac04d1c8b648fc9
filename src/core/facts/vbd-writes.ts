import { known, type FirstFact } from "./fact.js";

/** What a guest has written to one of its disks since it was started. */
export interface CountedWrites {
  readonly domid: number;
  /** Number of the virtual device: 51713 is xvda1. */
  readonly device: number;
  readonly bytes: number;
}

const SCRIPT = `
for file in /sys/bus/xen-backend/devices/vbd-*/statistics/wr_sect; do
  [ -r "$file" ] || continue
  sectors=
  read -r sectors <"$file" && printf '%s %s\\n' "$file" "$sectors"
done
exit 0
`;

/** blkback's counters, in sectors of 512 bytes (sysfs-driver-xen-blkback). QEMU's disks have none. */
export const fact: FirstFact<readonly CountedWrites[]> = {
  name: "vbd-writes",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    const counted = [...result.stdout.matchAll(/\/vbd-(\d+)-(\d+)\/statistics\/wr_sect (\d+)$/gm)];
    return known(counted.map(([, domid, device, sectors]) => ({
      domid: Number(domid), device: Number(device), bytes: Number(sectors) * 512,
    })));
  },
};
