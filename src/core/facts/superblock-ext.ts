import type { ExtContent } from "../model/storage.js";
import { labelAt, u16, u32, uuidAt, type Head } from "./superblock-bytes.js";

const SUPERBLOCK = 1024;
const LE = true;

// lib/e2p/feature.c of e2fsprogs: bit → the name that mke2fs -O takes
const COMPAT: readonly (readonly [number, string])[] = [
  [0x1, "dir_prealloc"], [0x2, "imagic_inodes"], [0x4, "has_journal"], [0x8, "ext_attr"], [0x10, "resize_inode"],
  [0x20, "dir_index"], [0x40, "lazy_bg"], [0x100, "snapshot_bitmap"], [0x200, "sparse_super2"],
  [0x400, "fast_commit"], [0x800, "stable_inodes"], [0x1000, "orphan_file"],
];
const INCOMPAT: readonly (readonly [number, string])[] = [
  [0x1, "compression"], [0x2, "filetype"], [0x8, "journal_dev"], [0x10, "meta_bg"], [0x40, "extent"],
  [0x80, "64bit"], [0x100, "mmp"], [0x200, "flex_bg"], [0x400, "ea_inode"], [0x1000, "dirdata"],
  [0x2000, "metadata_csum_seed"], [0x4000, "large_dir"], [0x8000, "inline_data"], [0x10000, "encrypt"],
  [0x20000, "casefold"],
];
const RO_COMPAT: readonly (readonly [number, string])[] = [
  [0x1, "sparse_super"], [0x2, "large_file"], [0x8, "huge_file"], [0x10, "uninit_bg"], [0x20, "dir_nlink"],
  [0x40, "extra_isize"], [0x80, "snapshot"], [0x100, "quota"], [0x200, "bigalloc"], [0x400, "metadata_csum"],
  [0x800, "replica"], [0x1000, "read-only"], [0x2000, "project"], [0x4000, "shared_blocks"], [0x8000, "verity"],
];

const HAS_JOURNAL = 0x4;
const RECOVER = 0x4;
const JOURNAL_DEV = 0x8;
const ORPHAN_PRESENT = 0x10000;
const INCOMPAT_64BIT = 0x80;
// what drivers of ext2 and ext3 know (libblkid's probe of ext): all else makes it an ext4
const EXT3_INCOMPAT = 0x2 | RECOVER | 0x10;
const EXT3_RO_COMPAT = 0x1 | 0x2 | 0x4;

/**
 * The file system of ext2, ext3 or ext4 at the start of a device, if one is there.
 * @see https://docs.kernel.org/filesystems/ext4/globals.html#super-block
 */
export function readExt(head: Head): ExtContent | { readonly journalDevice: true } | undefined {
  const at = (offset: number): number => u32(head, SUPERBLOCK + offset, LE);
  if (u16(head, SUPERBLOCK + 56, LE) !== 0xef53) return undefined;
  const logBlock = at(24);
  const blocksLow = at(4);
  const inodes = at(0);
  const dynamic = at(76) >= 1;
  const compat = dynamic ? at(92) : 0;
  const incompat = dynamic ? at(96) : 0;
  const roCompat = dynamic ? at(100) : 0;
  if ((incompat & JOURNAL_DEV) !== 0) return { journalDevice: true };
  if (logBlock > 6 || inodes === 0 || blocksLow === 0) return undefined;
  const high = (incompat & INCOMPAT_64BIT) !== 0 ? 2 ** 32 : 0;
  const blocks = blocksLow + at(336) * high;
  const reserved = at(8) + at(340) * high;
  const free = at(12) + at(344) * high;
  const blockBytes = 1024 * 2 ** logBlock;
  return {
    type: typeOf(compat, incompat, roCompat),
    uuid: uuidAt(head, SUPERBLOCK + 104),
    label: labelAt(head, SUPERBLOCK + 120, 16),
    features: [
      ...names(compat, COMPAT, "FEATURE_C", 0),
      ...names(incompat, INCOMPAT, "FEATURE_I", RECOVER),
      ...names(roCompat, RO_COMPAT, "FEATURE_R", ORPHAN_PRESENT),
    ],
    blockBytes,
    inodeBytes: dynamic ? u16(head, SUPERBLOCK + 88, LE) : 128,
    bytes: blocks * blockBytes,
    usedBytes: Math.max(0, blocks - free) * blockBytes,
    inodes,
    usedInodes: Math.max(0, inodes - at(16)),
    reservedPercent: Math.round((reserved / blocks) * 10000) / 100,
    needsRecovery: (incompat & RECOVER) !== 0,
    hasErrors: (u16(head, SUPERBLOCK + 58, LE) & 2) !== 0,
    // s_journal_inum: a journal of its own is an inode
    ...((compat & HAS_JOURNAL) !== 0 && at(224) === 0 ? { externalJournal: true as const } : {}),
  };
}

function typeOf(compat: number, incompat: number, roCompat: number): ExtContent["type"] {
  if ((incompat & ~EXT3_INCOMPAT) !== 0 || (roCompat & ~EXT3_RO_COMPAT) !== 0) return "ext4";
  return (compat & HAS_JOURNAL) !== 0 ? "ext3" : "ext2";
}

/** Names of the set bits; a state rather than a choice (`skip`) is left out, a bit without a name gets e2p's. */
function names(
  bits: number,
  table: readonly (readonly [number, string])[],
  unnamed: string,
  skip: number,
): readonly string[] {
  const found: string[] = [];
  let rest = bits & ~skip;
  for (const [bit, name] of table) {
    if ((rest & bit) === 0) continue;
    found.push(name);
    rest &= ~bit;
  }
  for (let i = 0; rest !== 0 && i < 32; i += 1) {
    if ((rest & (1 << i)) !== 0) found.push(`${unnamed}${i}`);
    rest &= ~(1 << i);
  }
  return found;
}
