import type { ExtContent } from "./storage.js";

/** More than the superblock says of a guest that runs: it is not up to date then. */
const SPARE = 1.2;
const LEAST_SPARE = 1000;

/**
 * How many inodes a file system gets that is made like another one: as densely as that has them, which may have been made for
 * many small files; and in a smaller one as many as are in use at least, with some to spare.
 * @param bytes of the one that is made
 */
export function inodesFor(bytes: number, { inodes, usedInodes, bytes: likeBytes }: ExtContent): number {
  const asDense = Math.ceil((inodes * bytes) / Math.max(likeBytes, 1));
  const wanted = usedInodes === undefined ? inodes : Math.min(inodes, Math.ceil(usedInodes * SPARE) + LEAST_SPARE);
  return Math.max(asDense, bytes >= likeBytes ? inodes : wanted);
}

/**
 * The least that a file system of so many inodes takes: the tables, and as many groups of blocks as they need. The bitmap of a
 * group's inodes is one block (docs.kernel.org, ext4, block groups), and a group as many blocks as another one has bits.
 */
export function leastBytesOf(inodes: number, { inodeBytes, blockBytes }: ExtContent): number {
  const inGroup = blockBytes * 8;
  const fullGroups = Math.max(0, Math.ceil(inodes / inGroup) - 1);
  return Math.max(inodes * inodeBytes, fullGroups * inGroup * blockBytes + (inodes - fullGroups * inGroup) * inodeBytes);
}
