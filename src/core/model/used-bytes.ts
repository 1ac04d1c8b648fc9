import type { Image } from "./storage.js";

/** What files take up: no more than the image really holds, whatever its superblock says. */
export function usedBytes({ content, allocatedBytes }: Image): number {
  return "usedBytes" in content ? Math.min(content.usedBytes, allocatedBytes) : allocatedBytes;
}
