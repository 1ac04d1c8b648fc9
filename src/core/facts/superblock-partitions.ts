import { hasMagic, u16, u32, type Head } from "./superblock-bytes.js";

/** What the first sectors say of partitions; a hint where they say what is no file system of ours. */
export type PartitionsFound =
  | { readonly table: "dos" | "gpt" }
  | { readonly hint: string };

/**
 * A partition table at the start of a device, if one is there. A boot sector of FAT or NTFS ends in 55 AA as an
 * MBR does, and so may the boot block before an ext superblock: only a plausible table counts (libblkid's dos.c).
 */
export function readPartitions(head: Head): PartitionsFound | undefined {
  // 4096: disks with sectors of 4 KiB
  if (hasMagic(head, 512, "EFI PART") || hasMagic(head, 4096, "EFI PART")) return { table: "gpt" };
  if (u16(head, 510, true) !== 0xaa55) return undefined;
  const boot = bootSector(head);
  if (boot !== undefined) return { hint: boot };
  let used = 0;
  for (let i = 0; i < 4; i += 1) {
    const entry = 446 + 16 * i;
    const flag = head.bytes[entry] ?? 0;
    const type = head.bytes[entry + 4] ?? 0;
    if (flag !== 0 && flag !== 0x80) return undefined;
    if (type === 0) continue;
    if (type === 0xee) return { hint: "protective MBR without its GPT" };
    // left by tools that number partitions; the kernel passes over it too
    if (u32(head, entry + 12, true) === 0) continue;
    if (u32(head, entry + 8, true) === 0) return undefined;
    used += 1;
  }
  return used > 0 ? { table: "dos" } : undefined;
}

/**
 * Whether Dom0's kernel would make partitions of a device with this head, whatever else is on it: it asks less of a table
 * than {@link readPartitions} (msdos_partition in the kernel's block/partitions/msdos.c; a protective MBR is such a table).
 */
export function kernelReadsPartitions(head: Head): boolean {
  if (hasMagic(head, 512, "EFI PART") || hasMagic(head, 4096, "EFI PART")) return true;
  if (u16(head, 510, true) !== 0xaa55) return false;
  const entries = [446, 462, 478, 494];
  return entries.every((entry) => ((head.bytes[entry] ?? 0) & 0x7f) === 0) && entries.some((entry) => u32(head, entry + 12, true) !== 0);
}

function bootSector(head: Head): string | undefined {
  const first = head.bytes[0];
  if (first !== 0xeb && first !== 0xe9) return undefined;
  if (hasMagic(head, 3, "NTFS    ")) return "NTFS file system";
  if (hasMagic(head, 3, "EXFAT   ")) return "exFAT file system";
  if (hasMagic(head, 3, "-FVE-FS-")) return "BitLocker volume";
  if (["FAT12   ", "FAT16   ", "FAT     "].some((magic) => hasMagic(head, 54, magic))) return "FAT file system";
  return hasMagic(head, 82, "FAT32   ") ? "FAT file system" : undefined;
}
