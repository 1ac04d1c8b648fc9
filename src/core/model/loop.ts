import type { Loop } from "./storage.js";

/** Documentation/admin-guide/devices.txt of Linux. */
const LOOP_MAJOR = "7";

/**
 * The `major:minor` of a loop device. Where the kernel's own was not read it is the one of a kernel without partitions on loop
 * devices; with `loop.max_part` the numbers in between are theirs.
 */
export function numberOfLoop({ number, device }: Loop): string {
  return number ?? `${LOOP_MAJOR}:${/\d+$/.exec(device)?.[0] ?? ""}`;
}
