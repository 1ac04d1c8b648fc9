import type { XfsContent } from "../model/storage.js";
import { hasMagic, labelAt, u16, u32, u64, uuidAt, type Head } from "./superblock-bytes.js";

const BE = false;

/**
 * The XFS file system at the start of a device, if one is there; undefined also for one that mkfs has not finished.
 * @see xfs_dsb in the kernel's fs/xfs/libxfs/xfs_format.h; the names are those of mkfs.xfs(8) 6.1
 */
export function readXfs(head: Head): XfsContent | undefined {
  if (!hasMagic(head, 0, "XFSB") || head.bytes[126] !== 0) return undefined;
  const blockBytes = u32(head, 4, BE);
  const version = u16(head, 100, BE);
  if (blockBytes < 512 || blockBytes > 65536) return undefined;
  const blocks = u64(head, 8, BE);
  const logBlocks = u64(head, 48, BE) === 0 ? 0 : u32(head, 96, BE);
  return {
    type: "xfs",
    uuid: uuidAt(head, 32),
    label: labelAt(head, 108, 12),
    features: featuresOf(head, version, blockBytes),
    blockBytes,
    bytes: blocks * blockBytes,
    usedBytes: Math.max(0, blocks - logBlocks - u64(head, 144, BE)) * blockBytes,
    // sb_logstart is 0 of one that is elsewhere
    ...(u64(head, 48, BE) === 0 ? { externalJournal: true as const } : {}),
    ...(u64(head, 16, BE) === 0 ? {} : { realtime: true as const }),
    ...((u16(head, 176, BE) & ACCOUNTED) === 0 ? {} : { quotas: true as const }),
  };
}

/** XFS_UQUOTA_ACCT, XFS_PQUOTA_ACCT and XFS_GQUOTA_ACCT (xfs_log_format.h): cleared where it is mounted without. */
const ACCOUNTED = 0x1 | 0x8 | 0x40;

function featuresOf(head: Head, version: number, blockBytes: number): Readonly<Record<string, number>> {
  const crc = (version & 0xf) === 5;
  const features2 = (version & 0x8000) !== 0 ? u32(head, 200, BE) : 0;
  const roCompat = crc ? u32(head, 212, BE) : 0;
  const incompat = crc ? u32(head, 216, BE) : 0;
  const bit = (bits: number, mask: number): 0 | 1 => ((bits & mask) === 0 ? 0 : 1);
  const common = {
    "m.crc": crc ? 1 : 0,
    "m.finobt": bit(roCompat, 0x1),
    "m.rmapbt": bit(roCompat, 0x2),
    "m.reflink": bit(roCompat, 0x4),
    "m.inobtcount": bit(roCompat, 0x8),
    "m.bigtime": bit(incompat, 0x8),
    "i.sparse": bit(incompat, 0x2),
    "i.nrext64": bit(incompat, 0x20),
    "i.size": u16(head, 104, BE),
    "n.ftype": bit(incompat, 0x1) | bit(features2, 0x200),
    "n.size": blockBytes * 2 ** (head.bytes[192] ?? 0),
    "s.size": u16(head, 102, BE),
  };
  // with checksums all others are given, and mkfs.xfs takes no other value; of 6.10, and told only where they are there
  if (crc) return { ...common, ...((incompat & 0x40) === 0 ? {} : { "i.exchange": 1 }), ...((incompat & 0x80) === 0 ? {} : { "n.parent": 1 }) };
  return {
    ...common,
    "i.attr": bit(features2, 0x8) === 1 ? 2 : 1,
    "i.projid32bit": bit(features2, 0x80),
    "l.lazy-count": bit(features2, 0x2),
    "l.version": bit(version, 0x400) === 1 ? 2 : 1,
  };
}
