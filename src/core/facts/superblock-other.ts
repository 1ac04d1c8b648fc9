import { hasMagic, type Head } from "./superblock-bytes.js";

/** Signatures that converge can do nothing with but must not take for nothing. */
const SIGNATURES: readonly (readonly [offset: number, magic: string, name: string])[] = [
  [0, "LUKS\xba\xbe", "LUKS encrypted volume"],
  [0, "hsqs", "squashfs file system"],
  [0, "-rom1fs-", "romfs file system"],
  [0, "\x45\x3d\xcd\x28", "cramfs file system"],
  [0, "\xe2\xe1\xf5\xe0", "erofs file system"],
  [1024, "\xe2\xe1\xf5\xe0", "erofs file system"],
  [1024, "\x10\x20\xf5\xf2", "f2fs file system"],
  [1024, "H+\x00\x04", "HFS+ file system"],
  [4096, "\xfc\x4e\x2b\xa9", "member of an md array"],
  [0, "\xfc\x4e\x2b\xa9", "member of an md array"],
  [4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcache device"],
  [4120, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef", "bcachefs file system"],
  [64, "\x7f\x10\xda\xbe", "VDI image"],
  [0, "KDMV", "VMDK image"],
  [0, "COWD", "VMDK image"],
];

/** Names of what else is recognised, by any of its signatures. */
export function otherSignatures(head: Head): readonly string[] {
  const found = new Set<string>();
  for (const [offset, magic, name] of SIGNATURES) if (hasMagic(head, offset, magic)) found.add(name);
  // an LVM label may stand in any of the first four sectors (lvm2, lib/label)
  for (let sector = 0; sector < 4; sector += 1) {
    if (hasMagic(head, 512 * sector, "LABELONE") && hasMagic(head, 512 * sector + 24, "LVM2 001")) {
      found.add("LVM physical volume");
    }
  }
  return [...found];
}
