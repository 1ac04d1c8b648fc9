import { createHash } from "node:crypto";
import type { DesiredDisk, DesiredDomain, MoveOptions, TimeWindow } from "../../src/core/model/desired.js";
import type { Domain } from "../../src/core/model/domain.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Content, Image, Volume, VolumeName } from "../../src/core/model/storage.js";
import { attachedAs } from "../../src/core/model/guest.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";

/** Hosts for tests, made from a few words: what a test does not name is as it is on an ordinary Dom0. */

/** A window of time on every day, as playbooks have it: 02:00-05:00. */
export const NIGHTS: TimeWindow = {
  text: "02:00-05:00", spans: [0, 1, 2, 3, 4, 5, 6].map((day) => ({ start: (day * 24 + 2) * 60, minutes: 180 })),
};

export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export interface AGuest {
  readonly name: string;
  readonly running?: boolean;
  readonly autostart?: boolean;
  readonly saved?: boolean;
  /** Of disks: content by vdev. */
  readonly disks: Readonly<Record<string, ADisk>>;
  readonly extra?: string;
  /** Its disks are served by QEMU. */
  readonly qdisk?: boolean;
}

export interface ADisk {
  readonly content?: Content;
  readonly bytes?: number;
  readonly format?: Image["format"];
  /** On no LVM volume. */
  readonly elsewhere?: boolean;
  readonly partitioned?: true;
  /** Its image has no holes. */
  readonly full?: true;
  /** Served by QEMU, whatever serves the guest's others. */
  readonly qdisk?: true;
}

export function ext4(uuid: string, bytes: number, usedBytes = bytes / 4): Content {
  return {
    type: "ext4", uuid, label: "root", features: ["has_journal", "ext_attr", "extent", "64bit", "metadata_csum"],
    blockBytes: 4096, inodeBytes: 256, bytes, usedBytes, inodes: 16384, reservedPercent: 5,
    needsRecovery: false, hasErrors: false,
  };
}

/** As mkfs.xfs of xfsprogs 6.1 makes one. */
export function xfs(uuid: string, bytes: number, usedBytes = bytes / 4): Content {
  return {
    type: "xfs", uuid, label: "root", blockBytes: 4096, bytes, usedBytes,
    features: { "m.crc": 1, "m.finobt": 1, "m.reflink": 1, "m.bigtime": 1, "i.size": 512, "i.sparse": 1, "n.ftype": 1, "s.size": 512 },
  };
}

export function swap(uuid: string, bytes: number): Content {
  return { type: "swap", uuid, label: "", pageBytes: 4096, bytes };
}

const TOOLS = [
  "rsync", "lvcreate", "lvchange", "lvremove", "mke2fs", "e2fsck", "mkfs.xfs", "xfs_repair", "mkswap", "blkid", "losetup",
  "mount", "umount", "blkdiscard", "ionice", "flock", "nice", "sha256sum", "stat", "sync", "touch", "head", "tail", "mv",
  "rm", "timeout", "dd", "cmp", "find", "xargs", "xl", "xenstore-ls", "systemctl", "systemd-run", "bash", "python3",
];

/** A Dom0 with `vg0` (`extents` of 4 MiB) whose `vg0/images`, thin or not, is mounted on /srv/xen and holds the images. */
export function aHost(guests: readonly AGuest[], options: { readonly freeExtents?: number; readonly thin?: boolean } = {}): HostState {
  const images: Record<string, Image> = {};
  const domains: Record<string, Domain> = {};
  let inode = 100;
  guests.forEach((guest, index) => {
    const entries = Object.entries(guest.disks).map(([vdev, disk]) => {
      const bytes = disk.bytes ?? 64 * MIB;
      const directory = disk.elsewhere === true ? "/var/images" : "/srv/xen";
      const path = `${directory}/${guest.name}/${vdev}.img`;
      inode += 1;
      const grows = disk.format !== undefined && disk.format !== "raw";
      images[path] = {
        // a format has a head of its own, and grows as the guest writes
        path, realPath: path, bytes: grows ? bytes / 2 + 65536 : bytes, allocatedBytes: disk.full === true ? bytes : bytes / 2,
        ...(grows ? { disk: { bytes, backed: false, encrypted: false } } : {}), inode, devno: disk.elsewhere === true ? "254:0" : "253:0",
        mtime: 1_700_000_000, links: 1, format: disk.format ?? "raw",
        content: disk.content ?? ext4(`uuid-${guest.name}-${vdev}`, bytes),
        ...(disk.partitioned === undefined ? {} : { partitioned: true }),
        ...(disk.elsewhere === true
          ? {}
          : { on: { volume: "vg0/images", mountpoint: "/srv/xen", path: `/${guest.name}/${vdev}.img` } }),
      };
      return { vdev, path };
    });
    const path = `/etc/xen/${guest.name}.cfg`;
    const list = entries.map(({ path: at, vdev }) => {
      const format = images[at]?.format ?? "raw";
      return guest.qdisk === true || guest.disks[vdev]?.qdisk === true ? `'format=${format},vdev=${vdev},access=w,backendtype=qdisk,target=${at}'` : `'file:${at},${vdev},w'`;
    }).join(", ");
    const text = `# ${guest.name}\nname = "${guest.name}"\nmemory = 128\n${guest.extra ?? "vif = ['ip=10.0.0.9']\n"}disk = [ ${list} ]\n`;
    const config = readDomainConfig(path, { file: path, text }, sha256(text), inode, "0644").value;
    if (config === undefined) throw new Error(`the config of ${guest.name} does not parse`);
    domains[guest.name] = {
      name: guest.name, config, otherConfigs: [], autostart: guest.autostart ?? false, saved: guest.saved ?? false,
      ...(guest.running === false
        ? {}
        : {
            running: {
              domid: index + 1, uuid: `domain-${guest.name}`, paused: false, memoryKiB: 131072, stored: config.disks,
              macs: Array.from({ length: config.networkCards }, () => "00:16:3e:00:00:01"),
              attached: config.disks.map((d) => attachedAs(d, { images })),
              ...(guest.qdisk === true || Object.values(guest.disks).some((disk) => disk.qdisk === true)
                ? { qemu: { nodes: config.disks.flatMap((d) => attachedAs(d, { images }).open ?? []), jobs: [] } }
                : {}),
            },
          }),
    };
  });
  return {
    host: { name: "dom0a", bootId: "boot-1", kernel: "6.1.0", xen: "4.17.7", capabilities: ["pv"], systemd: 252, os: "Debian GNU/Linux 12" },
    memory: { totalBytes: 8 * GIB, freeBytes: 4 * GIB, dom0FreeBytes: GIB },
    tools: Object.fromEntries(TOOLS.map((tool) => [tool, { present: true }])),
    modules: { dm_snapshot: "loaded", loop: "loaded", xen_blkback: "loaded" },
    managers: [],
    volumeGroups: {
      vg0: { name: "vg0", uuid: "vg-uuid", extentBytes: 4 * MIB, extents: 4096, freeExtents: options.freeExtents ?? 2048, missingPvs: 0, pvmove: false },
    },
    volumes: options.thin === true
      ? {
          "vg0/images": aVolume("vg0/images", 2 * GIB, { kind: "thin", pool: "vg0/pool", dataPercent: 100 }),
          "vg0/pool": aVolume("vg0/pool", 4 * GIB, { kind: "thin-pool", devno: "253:9", dataPercent: 40, metadataPercent: 2 }),
        }
      : { "vg0/images": aVolume("vg0/images", 2 * GIB) },
    images, loops: [],
    mounts: [{ target: "/srv/xen", source: "/dev/mapper/vg0-images", type: "ext4", options: "rw", devno: "253:0", root: "/" }],
    domains, runs: [], history: [],
  };
}

export function aVolume(name: VolumeName, bytes: number, more: Partial<Volume> = {}): Volume {
  return { name, uuid: `lv:${name}`, kind: "linear", bytes, tags: [], active: true, open: false, devno: "253:0", holders: [], ...more };
}

const NOWHERE = { source: { file: "playbook.yml", text: "" }, start: 0, end: 0 };

/** The wish that these disks of a guest lie on volumes `vg0/<guest>-<vdev>`. */
export function aWish(
  domain: string, disks: readonly string[], options: MoveOptions = {}, more: Partial<DesiredDisk> = {},
): DesiredDomain {
  return {
    name: domain, at: NOWHERE, move: options,
    disks: disks.map((vdev) => ({
      domain, vdev, volume: `vg0/${domain}-${vdev}`, move: options, at: NOWHERE, volumeAt: NOWHERE, ...more,
    })),
  };
}

/** As it is, its images without holes: DRBD and md take no others of guests that run. */
export function withFullImages(state: HostState): HostState {
  const full = Object.entries(state.images).map(([path, image]): [string, Image] => [path, { ...image, allocatedBytes: image.bytes }]);
  return { ...state, images: Object.fromEntries(full) };
}
