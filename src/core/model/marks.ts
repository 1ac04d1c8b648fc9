import { sectorsOf } from "./mapping.js";

/** Sectors in a region of a marked mirror: small, so that little is copied that nobody uses, and at most a million of them. */
export function markedRegionSectors(bytes: number): number {
  let region = 128;
  while (sectorsOf(bytes) / region > 1_048_576) region *= 2;
  return region;
}
