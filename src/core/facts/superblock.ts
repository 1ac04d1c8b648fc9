import type { Content, ImageDisk, ImageFormat } from "../model/storage.js";
import { readExt } from "./superblock-ext.js";
import { otherSignatures } from "./superblock-other.js";
import { kernelReadsPartitions, readPartitions } from "./superblock-partitions.js";
import { readSwap } from "./superblock-swap.js";
import { readXfs } from "./superblock-xfs.js";
import { hasMagic, headOf, u32, u64, type Head } from "./superblock-bytes.js";

/** What a disk turned out to be. */
export interface Recognised {
  readonly format: ImageFormat;
  /** Of a format other than raw, where its head tells. */
  readonly disk?: ImageDisk;
  readonly content: Content;
  /** The kernel would find partitions on it all the same, where `content` does not say so. */
  readonly partitioned?: true;
}

/**
 * What the first 8 KiB of a device or an image say that it holds. Two signatures that do not belong together make
 * it unknown, and so does none: unknown is not empty.
 * @param bytes from offset 0; fewer than 8 KiB only where the device has no more
 * @param size of the whole device, in bytes
 * @param sparse the file has no block allocated at all, so that every byte of it reads as zero
 */
export function recognise(bytes: Uint8Array, size: number, sparse = false): Recognised {
  const head = headOf(bytes);
  const format = formatOf(head);
  if (format === "raw") {
    const content = contentOf(head, size, sparse);
    return { format, content, ...(content.type !== "partitions" && kernelReadsPartitions(head) ? { partitioned: true as const } : {}) };
  }
  const disk = diskIn(head, format);
  return { format, ...(disk === undefined ? {} : { disk }), content: { type: "unknown", hint: `${format} image` } };
}

/**
 * The disk that an image of a format holds: docs/interop/qcow2.txt of QEMU (size at 24, backing file's name at 8,
 * encryption at 32, from version 3 on incompatible features at 72, of which 4 is a data file beside it, all big-endian), docs/interop/qed_spec.txt (features at 16, of which 1 is a backing file, size at
 * 48, little-endian), and Microsoft's VHD specification (current size at 48, kind of disk at 60: 4 is one that needs
 * its parent).
 */
function diskIn(head: Head, format: ImageFormat): ImageDisk | undefined {
  if (format === "qcow2") {
    const elsewhere = u32(head, 4, false) >= 3 && (u32(head, 76, false) & 4) !== 0;
    return { bytes: u64(head, 24, false), backed: u64(head, 8, false) !== 0 || elsewhere, encrypted: u32(head, 32, false) !== 0 };
  }
  if (format === "qed") {
    return { bytes: u64(head, 48, true), backed: (u32(head, 16, true) & 1) !== 0, encrypted: false };
  }
  if (format === "vhd") return { bytes: u64(head, 48, false), backed: u32(head, 60, false) === 4, encrypted: false };
  return undefined;
}

function formatOf(head: Head): ImageFormat {
  if (hasMagic(head, 0, "QFI\xfb")) return u32(head, 4, false) >= 2 ? "qcow2" : "qcow";
  if (hasMagic(head, 0, "QED\0")) return "qed";
  // a dynamic VHD begins with a copy of its footer; a fixed one has it at the end only
  if (hasMagic(head, 0, "conectix")) return "vhd";
  return hasMagic(head, 0, "vhdxfile") ? "vhdx" : "raw";
}

function contentOf(head: Head, size: number, sparse: boolean): Content {
  const found: Content[] = [];
  const hints: string[] = [...otherSignatures(head)];
  const ext = readExt(head);
  if (ext !== undefined && "journalDevice" in ext) hints.push("external journal of an ext file system");
  else if (ext !== undefined) found.push(ext);
  const xfs = readXfs(head);
  if (xfs !== undefined) found.push(xfs);
  else if (hasMagic(head, 0, "XFSB")) hints.push("damaged or unfinished XFS file system");
  const swap = readSwap(head);
  if (swap !== undefined && "hint" in swap) hints.push(swap.hint);
  else if (swap !== undefined) found.push(swap);
  const partitions = readPartitions(head);
  if (partitions !== undefined && "hint" in partitions) hints.push(partitions.hint);
  else if (partitions !== undefined) found.push({ type: "partitions", table: partitions.table });

  const [only] = found;
  if (only !== undefined && found.length === 1 && hints.length === 0) return only;
  if (found.length + hints.length > 0) {
    const names = [...found.map(nameOf), ...hints];
    return { type: "unknown", hint: names.length === 1 ? (names[0] ?? "") : `ambivalent: ${names.join(", ")}` };
  }
  return emptiness(head, size, sparse);
}

function nameOf(content: Content): string {
  return content.type === "partitions" ? `${content.table} partition table` : content.type;
}

function emptiness(head: Head, size: number, sparse: boolean): Content {
  if (!head.bytes.every((byte) => byte === 0)) return { type: "unknown" };
  if (sparse || head.bytes.length >= size) return { type: "blank" };
  return { type: "unknown", hint: "first 8 KiB are zero" };
}
