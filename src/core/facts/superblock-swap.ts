import type { SwapContent } from "../model/storage.js";
import { hasMagic, labelAt, u32, uuidAt, type Head } from "./superblock-bytes.js";

/** Page sizes whose signature lies within the first 8 KiB. */
const PAGES = [4096, 8192] as const;

/**
 * A swap area of version 1 at the start of a device, if one is there (include/linux/swap.h, swap_header), or what
 * else the place of its signature says.
 */
export function readSwap(head: Head): SwapContent | { readonly hint: string } | undefined {
  for (const pageBytes of PAGES) {
    const at = pageBytes - 10;
    if (hasMagic(head, at, "SWAPSPACE2")) return readVersion1(head, pageBytes);
    if (hasMagic(head, at, "SWAP-SPACE")) return { hint: "swap area of the old version 0" };
    if (/^(S1SUSPEND|S2SUSPEND|ULSUSPEND|LINHIB0001)/.test(labelAt(head, at, 10))) {
      return { hint: "swap area that holds a suspended system" };
    }
  }
  return undefined;
}

function readVersion1(head: Head, pageBytes: number): SwapContent | { readonly hint: string } {
  const littleEndian = u32(head, 1024, true) === 1;
  if (!littleEndian && u32(head, 1024, false) !== 1) return { hint: "swap area of an unknown version" };
  return {
    type: "swap",
    uuid: uuidAt(head, 1036),
    label: labelAt(head, 1052, 16),
    pageBytes,
    bytes: (u32(head, 1028, littleEndian) + 1) * pageBytes,
  };
}
