import type { Image } from "./storage.js";

/** What files take up: no more than the image really holds, whatever its superblock says, where that can be told. */
export function usedBytes({ content, bytes, allocatedBytes, compressed }: Image): number {
  const most = compressed === true ? bytes : allocatedBytes;
  return "usedBytes" in content ? Math.min(content.usedBytes, most) : most;
}
