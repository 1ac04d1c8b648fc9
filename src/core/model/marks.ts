import { sectorsOf } from "./mapping.js";
import type { Content } from "./storage.js";

/** What is known how to find out of which content what it uses. */
export const MARKED = ["ext2", "ext3", "ext4", "swap"] as const satisfies readonly Content["type"][];
export type MarkedType = (typeof MARKED)[number];

/** @returns undefined for a content of which all has to be copied */
export function markedType({ type }: Content): MarkedType | undefined {
  return MARKED.find((one) => one === type);
}

/** Sectors in a region of a marked mirror: small, so that little is copied that nobody uses, and at most a million of them. */
export function markedRegionSectors(bytes: number): number {
  let region = 128;
  while (sectorsOf(bytes) / region > 1_048_576) region *= 2;
  return region;
}
