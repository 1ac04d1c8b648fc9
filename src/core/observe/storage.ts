import { endsOf } from "../model/disk-end.js";
import type { FactValues } from "../facts/readings.js";
import type { DiskTarget } from "../facts/disk-targets.js";
import { stackedIn } from "../facts/hidden-signatures.js";
import type { KernelBlockDevice } from "../facts/block-devices.js";
import { sectorBytesOf } from "./sectors.js";
import type { BlockDevice, Image, Loop, Mount, Volume, VolumeGroup, VolumeName } from "../model/storage.js";

/** Block storage, with what lies on what. */
export interface ObservedStorage {
  readonly loops: readonly Loop[];
  readonly volumeGroups: Readonly<Record<string, VolumeGroup>>;
  readonly volumes: Readonly<Record<VolumeName, Volume>>;
  readonly images: Readonly<Record<string, Image>>;
  readonly devices: Readonly<Record<string, BlockDevice>>;
}

/** Puts together what LVM, the kernel and stat(1) said, each device found by its `major:minor`. */
export function observeStorage(facts: FactValues): ObservedStorage {
  const kernel = new Map((facts.blockDevices ?? []).map((device) => [device.devno, device]));
  const above = devicesAbove(facts);
  const byDevno = new Map<string, VolumeName>();
  const volumes: Record<VolumeName, Volume> = {};
  for (const { suspended: _, ...reported } of facts.volumes?.volumes ?? []) {
    const device = reported.devno === undefined ? undefined : kernel.get(reported.devno);
    if (reported.devno !== undefined) byDevno.set(reported.devno, reported.name);
    const content = facts.volumeHeads?.[reported.name];
    volumes[reported.name] = {
      ...reported,
      holders: device === undefined ? [] : above(device),
      ...(content === undefined ? {} : { content }),
    };
  }
  const pvmoves = new Set(facts.volumes?.pvmoves);
  const volumeGroups: Readonly<Record<string, VolumeGroup>> = Object.fromEntries(
    (facts.volumeGroups ?? []).map((group) => {
      const sectorBytes = sectorBytesOf(group.name, facts.volumes?.volumes ?? [], facts.blockDevices ?? []);
      return [group.name, { ...group, pvmove: pvmoves.has(group.name), ...(sectorBytes === undefined ? {} : { sectorBytes }) }];
    }),
  );
  const mounts = mountsByDevno(facts.mounts ?? []);
  const isCompressed = compressedIn(facts.mounts ?? []);
  const images: Record<string, Image> = {};
  const devices: Record<string, BlockDevice> = {};
  for (const target of facts.diskTargets ?? []) {
    if (target.kind === "file") images[target.path] = readImage(target, byDevno, mounts, isCompressed, facts);
    else if (target.kind === "block") devices[target.path] = readDevice(target, volumes, byDevno, kernel, above, facts);
  }
  const withPartitions = disksWithPartitions(facts.blockDevices ?? []);
  const loops = (facts.loops ?? []).map((loop) => readLoop(loop, withPartitions, above));
  return { loops, volumeGroups, volumes, images, devices };
}

/** What lies on a device, called as device-mapper calls it, else as the kernel does; without what lies on partitions of it. */
type DevicesAbove = (device: KernelBlockDevice) => readonly string[];

/** sysfs does not count loop devices among the holders of a device, and tells the file below them by its name in /dev. */
function devicesAbove({ blockDevices = [], loops = [] }: FactValues): DevicesAbove {
  const names = new Map(blockDevices.map(({ name, dmName }) => [name, dmName ?? name]));
  const backed = loops.filter(({ backing }) => backing.startsWith("/dev/"));
  return ({ name, dmName, holders }) => [
    ...holders.map((holder) => names.get(holder) ?? holder),
    ...backed
      .filter(({ backing }) => backing === `/dev/${name}` || (dmName !== undefined && backing === `/dev/mapper/${dmName}`))
      .map(({ device }) => device.replace("/dev/", "")),
  ];
}

/** By name of a disk whose number its partitions' names set off with a `p`: the disk, and its partitions behind it. */
function disksWithPartitions(devices: readonly KernelBlockDevice[]): ReadonlyMap<string, readonly KernelBlockDevice[]> {
  const disks = new Map<string, KernelBlockDevice[]>(devices.map((device) => [device.name, [device]]));
  for (const device of devices) {
    const disk = /^(.*\d)p\d+$/.exec(device.name)?.[1];
    if (disk !== undefined) disks.get(disk)?.push(device);
  }
  return disks;
}

function readLoop(loop: Loop, disks: ReadonlyMap<string, readonly KernelBlockDevice[]>, above: DevicesAbove): Loop {
  const devices = disks.get(loop.device.replace("/dev/", "")) ?? [];
  const [device] = devices;
  return device === undefined ? loop : { ...loop, number: device.devno, holders: devices.flatMap(above) };
}

function mountsByDevno(mounts: readonly Mount[]): ReadonlyMap<string, readonly Mount[]> {
  const found = new Map<string, Mount[]>();
  for (const mount of mounts) {
    const others = found.get(mount.devno);
    if (others === undefined) found.set(mount.devno, [mount]);
    else others.push(mount);
  }
  return found;
}

function readImage(
  target: DiskTarget,
  volumes: ReadonlyMap<string, VolumeName>,
  mounts: ReadonlyMap<string, readonly Mount[]>,
  isCompressed: (path: string) => boolean,
  facts: FactValues,
): Image {
  const { content } = target.recognised;
  const stacked = [
    ...stackedIn(content.type === "unknown" && content.hint !== undefined ? [content.hint] : []),
    ...(facts.hiddenSignatures ?? []).filter(({ path }) => path === target.path).map(({ signature }) => signature),
  ];
  const ends = target.recognised.format === "raw"
    ? endsOf(content, (facts.imageEnds ?? []).filter(({ path }) => path === target.path).map(({ mark }) => mark))
    : [];
  const disk = diskIn(target, facts);
  const volume = volumes.get(target.devno);
  const mount = volume === undefined ? undefined : mountOf(target.realPath, mounts.get(target.devno) ?? []);
  return {
    path: target.path,
    realPath: target.realPath,
    bytes: target.bytes,
    allocatedBytes: target.allocatedBytes,
    ...(isCompressed(target.realPath) ? { compressed: true as const } : {}),
    inode: target.inode,
    devno: target.devno,
    mtime: target.mtime,
    links: target.links,
    format: target.recognised.format,
    ...(disk === undefined ? {} : { disk }),
    content,
    ...(target.recognised.partitioned === undefined ? {} : { partitioned: true }),
    ...(stacked.length === 0 ? {} : { stacked }),
    ...(ends.length === 0 ? {} : { ends }),
    ...(volume === undefined || mount === undefined
      ? {}
      : { on: { volume, mountpoint: mount.target, path: pathWithin(target.realPath, mount) } }),
  };
}

/** By type of mount. By path: on btrfs stat's device number is not the mount's. */
const COMPRESSING = ["btrfs", "zfs", "bcachefs"];

function compressedIn(mounts: readonly Mount[]): (path: string) => boolean {
  // most hosts have none
  if (!mounts.some(({ type }) => COMPRESSING.includes(type))) return () => false;
  return (path) => COMPRESSING.includes(mountOf(path, mounts)?.type ?? "");
}

/** The mount that a path leads through: the longest that is a prefix of it, the last of equals. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (!isWithin(path, mount.target)) continue;
    if (best === undefined || mount.target.length >= best.target.length) best = mount;
  }
  return best;
}

function isWithin(path: string, directory: string): boolean {
  return directory === "/" || (path.startsWith(directory) && (path.length === directory.length || path[directory.length] === "/"));
}

/** A path from the root of the mounted file system: a bind mount shows only a part of it. */
function pathWithin(path: string, mount: Mount): string {
  const rest = mount.target === "/" ? path : path.slice(mount.target.length);
  const root = mount.root === "/" ? "" : mount.root;
  return `${root}${rest}` === "" ? "/" : `${root}${rest}`;
}

/** The disk in a file or on a device, and what it is laid over. */
function diskIn({ path, recognised: { disk } }: DiskTarget, { backingFiles }: FactValues): Image["disk"] {
  const layers = disk?.backed === true ? backingFiles?.find((one) => one.path === path)?.layers : undefined;
  return disk === undefined || layers === undefined ? disk : { ...disk, layers };
}

function readDevice(
  target: DiskTarget,
  volumes: Readonly<Record<VolumeName, Volume>>,
  byDevno: ReadonlyMap<string, VolumeName>,
  kernel: ReadonlyMap<string, KernelBlockDevice>,
  above: DevicesAbove,
  facts: FactValues,
): BlockDevice {
  const { format } = target.recognised;
  const disk = diskIn(target, facts);
  const devno = target.rdevno ?? "0:0";
  const volume = byDevno.get(devno);
  const device = kernel.get(devno);
  return {
    path: target.path,
    realPath: target.realPath,
    devno,
    bytes: device?.bytes ?? 0,
    content: (volume === undefined ? undefined : volumes[volume]?.content) ?? target.recognised.content,
    ...(format === "raw" ? {} : { format }),
    ...(disk === undefined ? {} : { disk }),
    ...(volume === undefined ? {} : { volume }),
    holders: device === undefined ? [] : above(device),
  };
}
