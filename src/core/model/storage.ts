import type { Signature } from "./scanning.js";

/** Block storage as it is seen on, or wished for on, one Dom0. Sizes are bytes unless a name says otherwise. */

/** `vg/lv`, as LVM prints it. */
export type VolumeName = `${string}/${string}`;

export interface VolumeGroup {
  readonly name: string;
  readonly uuid: string;
  readonly extentBytes: number;
  readonly extents: number;
  readonly freeExtents: number;
  /** Physical volumes that LVM misses: nothing can be created while there are any. */
  readonly missingPvs: number;
  /** A pvmove is under way in this group. */
  readonly pvmove: boolean;
  /** Why no volume is made in it. Unset: nothing stands against it. */
  readonly unfit?: readonly Unfit[];
  /** The largest logical sector of the disks below it, where that is known. */
  readonly sectorBytes?: number;
}

/** As vgs(8) says it; and two groups of one name. */
export type Unfit = "read-only" | "exported" | "clustered" | "shared" | "of-one-name";

export type VolumeKind = "linear" | "striped" | "snapshot" | "thin" | "thin-pool" | "raid" | "other";

export interface Volume {
  readonly name: VolumeName;
  readonly uuid: string;
  readonly kind: VolumeKind;
  readonly bytes: number;
  readonly tags: readonly string[];
  readonly active: boolean;
  /** Held open by somebody: mounted, attached to a guest, under another device. */
  readonly open: boolean;
  /** `major:minor` of the active device. */
  readonly devno?: string;
  /** Seconds since the epoch, by the host's clock; unset where LVM does not say, or in a form of its own. */
  readonly createdAt?: number;
  /** Snapshot or thin snapshot: what it was taken of. */
  readonly origin?: VolumeName;
  readonly pool?: VolumeName;
  /** Fill of a snapshot or of a thin pool, in per cent. */
  readonly dataPercent?: number;
  readonly metadataPercent?: number;
  /** An overflowed snapshot: its content is worthless. */
  readonly invalid?: boolean;
  /** What is wrong with a thin pool or a volume in one, in words. */
  readonly health?: string;
  readonly content?: Content;
  /** Devices on top of this one (md, dm, loop…): by device-mapper's name where there is one, else by the kernel's. */
  readonly holders: readonly string[];
}

const PLANNED = "new:";

/** What stands for the UUID of a volume that a plan makes. */
export function plannedUuid(volume: string): string {
  return PLANNED + volume;
}

/** It is on no host yet: a plan, of this guest or of one before it, makes it. */
export function isPlanned({ uuid }: Pick<Volume, "uuid">): boolean {
  return uuid.startsWith(PLANNED);
}

export type ImageFormat = "raw" | "qcow2" | "qcow" | "qed" | "vhd" | "vhdx" | "unknown";

/** The formats that guests are moved from, by xl's names for them (xl-disk-configuration(5), format). */
export type ServedFormat = "raw" | "qcow2" | "vhd";

/** A guest's disk in a file. */
export interface Image {
  readonly path: string;
  /** The path with every symbolic link resolved. */
  readonly realPath: string;
  readonly bytes: number;
  readonly allocatedBytes: number;
  /** It lies on a file system that may compress: what it has allocated says nothing of what it holds. */
  readonly compressed?: true;
  readonly inode: number;
  /** `major:minor` of the file system that it lies in. */
  readonly devno: string;
  /** Seconds since the epoch, by the host's clock. */
  readonly mtime: number;
  readonly links: number;
  readonly format: ImageFormat;
  /** Of a format other than raw: what its head says of the disk in it. Content stays unknown: it would have to be read through. */
  readonly disk?: ImageDisk;
  readonly content: Content;
  /** There is more to it than `content` says: Dom0's kernel, given it as a disk, would make partitions of it. */
  readonly partitioned?: true;
  /** What is in it that Dom0 could take up as its own. */
  readonly stacked?: readonly Signature[];
  /** What is at its end of a guest's own array or DRBD resource, behind all that `content` takes up. */
  readonly ends?: readonly EndMark[];
  /** The volume that holds it, where there is one, and its path from the root of that volume's file system. */
  readonly on?: { readonly volume: VolumeName; readonly mountpoint: string; readonly path: string };
}

/** Where the end of a disk says that what is on it lies in an array (md, of metadata 0.90 or 1.0) or a DRBD resource. */
export interface EndMark {
  readonly kind: "md" | "drbd";
  /** Bytes from the beginning of the disk. */
  readonly at: number;
}

/** A disk in an image of a format of its own. */
export interface ImageDisk {
  /** As large as the guest sees it. */
  readonly bytes: number;
  /** A part of it lies in another file (a backing file, a parent, a data file). */
  readonly backed: boolean;
  readonly encrypted: boolean;
  /** Those files, and what lies below them, by their heads. Unset: nobody has looked, or nobody can read it. */
  readonly layers?: Layers;
}

/** What a disk in an image is laid over. */
export interface Layers {
  readonly files: readonly Layer[];
  /** What else may lie below, and can not be told, in words. */
  readonly untold?: string;
}

/** A file or device below a disk: its identity, whatever its name is. */
export interface Layer {
  readonly path: string;
  readonly inode: number;
  /** `major:minor` of the file system that it lies in. */
  readonly devno: string;
  /** Of a block device: its own. */
  readonly rdevno?: string;
}

/** How large the guest sees an image: that of the file, but for formats that have a size of their own. */
export function diskBytes(image: Image): number {
  return image.disk?.bytes ?? image.bytes;
}

/** What the first blocks of a disk say that it holds. Unknown is not empty. */
export type Content =
  | ExtContent
  | XfsContent
  | SwapContent
  | { readonly type: "partitions"; readonly table: "dos" | "gpt" }
  | { readonly type: "blank" }
  | { readonly type: "unknown"; readonly hint?: string };

/**
 * Whether one can not be the other's copy: file systems of two UUIDs, or of one and none. A swap is made anew by its guest at will, and
 * of a table of partitions nothing is known that another one has not.
 */
export function otherFileSystem(one: Content, other: Content | undefined): boolean {
  if (other === undefined || one.type === "swap" || isUnclear(one) || isUnclear(other)) return false;
  if ("uuid" in one && "uuid" in other) return one.uuid !== other.uuid;
  return one.type !== other.type;
}

function isUnclear({ type }: Content): boolean {
  return type === "unknown" || type === "blank";
}

export interface ExtContent {
  readonly type: "ext2" | "ext3" | "ext4";
  readonly uuid: string;
  readonly label: string;
  /** Names as mke2fs -O takes them. */
  readonly features: readonly string[];
  readonly blockBytes: number;
  readonly inodeBytes: number;
  /** Of the file system, which may be smaller than its device. */
  readonly bytes: number;
  /** As the superblock says; stale by what a running guest has not yet written back. */
  readonly usedBytes: number;
  readonly inodes: number;
  /** As the superblock says; stale in the same way. Unset: in facts that were recorded before it was read. */
  readonly usedInodes?: number;
  readonly reservedPercent: number;
  /** The journal has to be replayed: mounted somewhere, or not unmounted in order. */
  readonly needsRecovery: boolean;
  readonly hasErrors: boolean;
  /** Its journal is on another device. */
  readonly externalJournal?: true;
}

export interface XfsContent {
  readonly type: "xfs";
  readonly uuid: string;
  readonly label: string;
  /** name → 0/1 (or a number), as mkfs.xfs's -m, -i and -n take them: `{"m.crc": 1, "i.size": 512}`. */
  readonly features: Readonly<Record<string, number>>;
  readonly blockBytes: number;
  readonly bytes: number;
  readonly usedBytes: number;
  /** Its journal is on another device. */
  readonly externalJournal?: true;
  /** Data of it may lie in a part of its own, as a rule on another device (`rtdev`). */
  readonly realtime?: true;
  /** It counts what users, groups or projects take, and may have limits for them. */
  readonly quotas?: true;
}

export interface SwapContent {
  readonly type: "swap";
  readonly uuid: string;
  readonly label: string;
  readonly pageBytes: number;
  readonly bytes: number;
}

/** A block device under the name that a guest's disk gives it. */
export interface BlockDevice {
  readonly path: string;
  readonly realPath: string;
  readonly devno: string;
  readonly bytes: number;
  readonly content: Content;
  /** Of a disk of another format than raw on it, as of a qcow2. */
  readonly format?: Image["format"];
  readonly disk?: Image["disk"];
  /** The volume that it is, where it is one. */
  readonly volume?: VolumeName;
  /** Devices on top of it, called as those of a volume. */
  readonly holders: readonly string[];
}

export interface Loop {
  /** `/dev/loop0`. */
  readonly device: string;
  readonly backing: string;
  /** Inode and `major:minor` of the backing file: its identity, whatever its name is now. */
  readonly inode: number;
  readonly devno: string;
  readonly offset: number;
  readonly readOnly: boolean;
  readonly deleted: boolean;
  /** The device's own `major:minor`, and what lies on it or on partitions of it, called as on a volume. */
  readonly number?: string;
  readonly holders?: readonly string[];
}

/**
 * A device of converge's own, made by device-mapper, md or DRBD: a guest's disk under a name of its own, so that what lies
 * below can change while the guest has it open.
 */
export interface Mapping {
  /** Of a device-mapper device its name, of any other what it is called in /dev. */
  readonly name: string;
  readonly bytes: number;
  /** Somebody has it open: a guest, as a rule. */
  readonly open: boolean;
  /** In the model: it was let go of, and is gone with the guest that has it. */
  readonly deferred?: boolean;
  /** An array that has had a write-intent bitmap since it was built: md knows what its image alone has got. */
  readonly bitmap?: true;
  readonly table: MappingTable;
}

/** What a mapping lies on: images by path, volumes as `vg/lv`, anything else by its `major:minor`. */
export type MappingTable =
  | { readonly kind: "linear"; readonly on: string }
  /** Both legs get every write; `from` is the complete one until they are in sync. */
  | { readonly kind: "mirror"; readonly from: string; readonly to: string; readonly inSync: boolean };

export interface Mount {
  readonly target: string;
  readonly source: string;
  readonly type: string;
  readonly options: string;
  readonly devno: string;
  /** Path inside the file system that is mounted: `/` but for bind mounts. */
  readonly root: string;
}
