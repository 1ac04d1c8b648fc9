import type { KernelBlockDevice } from "../facts/block-devices.js";

/** A volume of the group, as far as it matters here. */
interface GroupVolume {
  readonly name: string;
  readonly devno?: string;
}

/**
 * The largest logical sector below a volume group: of its active volumes, whose sectors are as large as the largest of the
 * disks that they lie on, and of the disks that have one of them on top.
 * @returns undefined where it has no active volume, or the facts are older than the figure
 */
export function sectorBytesOf(group: string, volumes: readonly GroupVolume[], devices: readonly KernelBlockDevice[]): number | undefined {
  const devnos = new Set(volumes.filter(({ name }) => name.startsWith(`${group}/`)).map(({ devno }) => devno));
  const own = devices.filter(({ devno }) => devnos.has(devno));
  const names = new Set(own.map(({ name }) => name));
  const below = devices.filter(({ holders }) => holders.some((holder) => names.has(holder)));
  const known = [...own, ...below].flatMap(({ sectorBytes }) => sectorBytes ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}
