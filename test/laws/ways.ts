import fc from "fast-check";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Content, Loop, Mount } from "../../src/core/model/storage.js";
import { aHost, aVolume, aWish, ext4, MIB, NIGHTS, swap, withFullImages, xfs } from "../support/a-host.js";
import type { ADisk, AGuest } from "../support/a-host.js";
import type { Scene } from "./generated.js";

const VDEVS = ["xvda1", "xvda2", "xvdb"] as const;

/** What of a playbook's `move` leads to steps of its own. */
export interface Way {
  readonly name: string;
  readonly options: MoveOptions;
  /** What the disks may hold, by the names of {@link CONTENTS}. */
  readonly contents: readonly (keyof typeof CONTENTS)[];
  /** Unset: either. */
  readonly running?: boolean;
  /** More than is so on an ordinary host, where the way needs it. */
  readonly host?: (state: HostState) => HostState;
  /** Others' guests on the same host could not be moved in every other way: what it needs the host to lack, they need. */
  readonly alone?: true;
  /** Which disks are moved; unset: any of them. */
  readonly moved?: readonly string[];
  /** More of each disk, such as its format. */
  readonly disk?: Partial<ADisk>;
  /** The one disk whose image lies on no LVM volume. */
  readonly elsewhere?: (typeof VDEVS)[number];
  /** The guest's disks are served by QEMU. */
  readonly qdisk?: boolean;
}

/**
 * Every strategy and switch-over has a line here: all laws hold for all of them. A strategy that can do more kinds of
 * disks, or another kind of host, gets more lines.
 */
export const WAYS: readonly Way[] = [
  { name: "left to converge", options: {}, contents: ["ext4", "xfs", "swap"] },
  {
    name: "left to converge, without dm_mirror", options: {}, contents: ["ext4", "swap", "unknown"], alone: true,
    // md, which it leaves, takes no image with holes
    host: (state) => withFullImages({ ...state, modules: { ...state.modules, dm_mirror: "missing" } }),
  },
  { name: "rsync", options: { strategy: "rsync" }, contents: ["ext4", "xfs", "swap"] },
  { name: "rsync, compared in full", options: { strategy: "rsync", verify: "full" }, contents: ["ext4", "ext3", "xfs"] },
  {
    name: "rsync, rehearsed", options: { strategy: "rsync", rehearse: true, throttle: { ioWeight: 50 } }, contents: ["ext4", "xfs", "swap"],
    moved: ["xvda1", "xvda2", "xvdb"],
  },
  { name: "rsync at rest", options: { strategy: "rsync", offline: true }, contents: ["ext4", "xfs", "swap"], disk: { elsewhere: true } },
  {
    name: "rsync, one disk of them at rest", options: { strategy: "rsync", offline: true }, contents: ["ext4", "xfs"], elsewhere: "xvdb", running: true,
    moved: ["xvda1", "xvdb"],
  },
  { name: "rsync, guest down", options: { strategy: "rsync" }, contents: ["ext4", "xfs", "swap"], running: false },
  { name: "dm, restart", options: { strategy: "dm", switch: "restart" }, contents: ["ext4", "xfs", "swap", "partitions", "unknown"] },
  { name: "dm, suspend", options: { strategy: "dm", switch: "suspend" }, contents: ["ext4", "swap", "partitions"] },
  {
    name: "dm, migrated", options: { strategy: "dm", switch: "migrate" }, contents: ["ext4", "partitions"], running: true,
    host: (state) => ({ ...state, host: { ...state.host, capabilities: ["pv", "shadow"] } }),
  },
  { name: "dm, chosen", options: { strategy: "dm" }, contents: ["ext4", "unknown"] },
  // no swap: of a guest that is down before its second run it is made anew, and the model still asks for the writes to the old one
  { name: "dm, next-reboot", options: { strategy: "dm", switch: "next-reboot" }, contents: ["ext4", "partitions", "unknown"], running: true },
  {
    name: "dm, next-reboot and compared in full", options: { strategy: "dm", switch: "next-reboot", verify: "full" }, contents: ["ext4", "unknown"],
  },
  { name: "dm, left at once", options: { strategy: "dm", switch: "suspend", finish: "now" }, contents: ["ext4", "swap"], running: true },
  { name: "dm, left in its window", options: { strategy: "dm", switch: "suspend", finish: "window", window: NIGHTS }, contents: ["ext4", "swap"], running: true },
  { name: "dm, compared in full", options: { strategy: "dm", verify: "full", switch: "restart" }, contents: ["ext4", "swap", "partitions"] },
  { name: "dm, suspended and compared in full", options: { strategy: "dm", verify: "full", switch: "suspend" }, contents: ["ext4", "unknown"] },
  { name: "dm, guest down", options: { strategy: "dm" }, contents: ["ext4", "partitions"], running: false },
  { name: "md, restart", options: { strategy: "md", switch: "restart" }, contents: ["ext4", "xfs", "swap", "unknown"], host: withFullImages },
  { name: "md, suspend", options: { strategy: "md", switch: "suspend" }, contents: ["ext4", "swap"], host: withFullImages },
  {
    name: "md, migrated", options: { strategy: "md", switch: "migrate" }, contents: ["ext4"], running: true,
    host: (state) => ({ ...withFullImages(state), host: { ...state.host, capabilities: ["pv", "shadow"] } }),
  },
  { name: "md, next-reboot", options: { strategy: "md", switch: "next-reboot" }, contents: ["ext4", "unknown"], running: true, host: withFullImages },
  { name: "md, suspended twice", options: { strategy: "md", switch: "suspend", finish: "now" }, contents: ["ext4", "swap"], running: true, host: withFullImages },
  { name: "md, suspended and compared in full", options: { strategy: "md", verify: "full", switch: "suspend" }, contents: ["ext4", "unknown"], host: withFullImages },
  { name: "md, restarted twice", options: { strategy: "md", switch: "restart", finish: "now" }, contents: ["ext4", "unknown"], running: true, host: withFullImages },
  // somebody may start it while its run is dead: then md takes no image with holes any more
  { name: "md, guest down", options: { strategy: "md" }, contents: ["ext4", "unknown"], running: false, host: withFullImages },
  { name: "md-preseed, restart", options: { strategy: "md-preseed", switch: "restart" }, contents: ["ext4", "xfs", "swap", "unknown"], host: withFullImages },
  { name: "md-preseed, suspend", options: { strategy: "md-preseed", switch: "suspend" }, contents: ["ext4", "swap"], host: withFullImages },
  {
    name: "md-preseed, migrated", options: { strategy: "md-preseed", switch: "migrate" }, contents: ["ext4"], running: true,
    host: (state) => ({ ...withFullImages(state), host: { ...state.host, capabilities: ["pv", "shadow"] } }),
  },
  { name: "md-preseed, next-reboot", options: { strategy: "md-preseed", switch: "next-reboot" }, contents: ["ext4", "unknown"], running: true, host: withFullImages },
  { name: "md-preseed, suspended twice", options: { strategy: "md-preseed", switch: "suspend", finish: "now" }, contents: ["ext4", "swap"], running: true, host: withFullImages },
  { name: "md-preseed, suspended and compared in full", options: { strategy: "md-preseed", verify: "full", switch: "suspend" }, contents: ["ext4", "unknown"], host: withFullImages },
  { name: "md-preseed, restarted twice", options: { strategy: "md-preseed", switch: "restart", finish: "now" }, contents: ["ext4", "unknown"], running: true, host: withFullImages },
  { name: "md-preseed, guest down", options: { strategy: "md-preseed" }, contents: ["ext4", "unknown"], running: false, host: withFullImages },
  { name: "drbd, restart", options: { strategy: "drbd", switch: "restart" }, contents: ["ext4", "partitions", "unknown"], host: withFullImages },
  { name: "drbd, suspend", options: { strategy: "drbd", switch: "suspend" }, contents: ["ext4", "swap"], host: withFullImages },
  { name: "drbd, suspended and compared in full", options: { strategy: "drbd", verify: "full", switch: "suspend" }, contents: ["ext4", "unknown"], host: withFullImages },
  {
    name: "drbd, migrated", options: { strategy: "drbd", switch: "migrate" }, contents: ["ext4", "partitions"], running: true,
    host: (state) => ({ ...withFullImages(state), host: { ...state.host, capabilities: ["pv", "shadow"] } }),
  },
  { name: "drbd, next-reboot", options: { strategy: "drbd", switch: "next-reboot" }, contents: ["ext4", "partitions", "unknown"], running: true, host: withFullImages },
  { name: "drbd, suspended twice", options: { strategy: "drbd", switch: "suspend", finish: "now" }, contents: ["ext4", "swap"], running: true, host: withFullImages },
  { name: "drbd, restarted twice", options: { strategy: "drbd", switch: "restart", finish: "now" }, contents: ["ext4", "unknown"], running: true, host: withFullImages },
  { name: "md, suspended, and again in its window", options: { strategy: "md", switch: "suspend", finish: "window", window: NIGHTS }, contents: ["ext4", "swap"], running: true, host: withFullImages },
  { name: "md, restarted, and again in its window", options: { strategy: "md", switch: "restart", finish: "window", window: NIGHTS }, contents: ["ext4", "unknown"], running: true, host: withFullImages },
  { name: "drbd, suspended, and again in its window", options: { strategy: "drbd", switch: "suspend", finish: "window", window: NIGHTS }, contents: ["ext4"], running: true, host: withFullImages },
  { name: "qemu", options: { strategy: "qemu" }, contents: ["ext4", "swap", "partitions", "unknown"], running: true, qdisk: true },
  { name: "qemu, qcow2", options: { strategy: "qemu" }, contents: ["unknown"], running: true, qdisk: true, disk: { format: "qcow2" } },
  { name: "qemu, compared in full", options: { strategy: "qemu", verify: "full" }, contents: ["ext4", "unknown"], running: true, qdisk: true },
  { name: "drbd, guest down", options: { strategy: "drbd" }, contents: ["ext4", "partitions"], running: false, host: withFullImages },
];

export const CONTENTS = {
  ext4: (id, bytes) => ext4(`root-${id}`, bytes),
  ext3: (id, bytes) => ({ ...ext4(`root-${id}`, bytes), type: "ext3", features: ["has_journal", "ext_attr"] } as Content),
  xfs: (id, bytes) => xfs(`root-${id}`, bytes),
  swap: (id, bytes) => swap(`swap-${id}`, bytes),
  partitions: () => ({ type: "partitions", table: "gpt" }),
  unknown: () => ({ type: "unknown" }),
} as const satisfies Readonly<Record<string, (id: string, bytes: number) => Content>>;

/** What every way takes. */
const common: fc.Arbitrary<MoveOptions> = fc.record(
  {
    source: fc.constantFrom("keep", "retire", "delete"),
    passes: fc.integer({ min: 1, max: 4 }),
    downtimeSeconds: fc.integer({ min: 60, max: 600 }),
    destroy: fc.boolean(),
    snapshot: fc.record({ size: fc.record({ percent: fc.constantFrom(5, 20, 100) }) }),
  },
  { requiredKeys: [] },
);

const disk = (way: Way, vdev: string): fc.Arbitrary<ADisk> =>
  fc.record({ size: fc.integer({ min: 8, max: 64 }), kind: fc.constantFrom(...way.contents) }).map(({ size, kind }) => ({
    bytes: size * MIB, content: CONTENTS[kind](vdev, size * MIB), ...way.disk, ...(way.elsewhere === vdev ? { elsewhere: true } : {}),
  }));

const guest = (way: Way, name: string): fc.Arbitrary<{ guest: AGuest; moved: readonly string[]; options: MoveOptions }> =>
  fc
    .record({
      running: way.running === undefined ? fc.boolean() : fc.constant(way.running), autostart: fc.boolean(),
      a: disk(way, "xvda1"), b: disk(way, "xvda2"), c: disk(way, "xvdb"),
      moved: way.moved === undefined ? fc.subarray([...VDEVS], { minLength: 1 }) : fc.constant([...way.moved]), options: common,
    })
    .map(({ running, autostart, a, b, c, moved, options }) => ({
      guest: { name, running, autostart, disks: { xvda1: a, xvda2: b, xvdb: c }, ...(way.qdisk === true ? { qdisk: true } : {}) }, moved, options: { ...options, ...way.options },
    }));

/** One to three guests, each moved in a way of its own; the names are such as hurt in paths, LVM and shells. */
export function scenesOf(ways: readonly Way[], most = 3): fc.Arbitrary<Scene> {
  return fc
    .shuffledSubarray(["web1", "db-2", "we.ird_+name"], { minLength: 1, maxLength: most })
    .chain((names) => fc.tuple(
      fc.boolean(),
      fc.tuple(...names.map((name) => fc.constantFrom(...ways).chain((way) => guest(way, name).map((made) => ({ way, made }))))),
    ))
    .map(([thin, guests]) => ({
      [fc.toStringMethod]: () => guests.map(({ way, made }) =>
        `${way.name}: ${made.guest.name}, ${made.guest.running === false ? "down" : "up"}${made.guest.autostart === true ? ", autostart" : ""}, ` +
        `${made.moved.map((vdev) => `${vdev} (${made.guest.disks[vdev]?.content?.type ?? ""})`).join(" ")}, ${JSON.stringify(made.options)}`).join("; "),
      state: guests.reduce((state, { way }) => way.host?.(state) ?? state, withStrangers(aHost(guests.map(({ made }) => made.guest), { thin }))),
      wishes: guests.map(({ made }) => aWish(made.guest.name, made.moved, made.options)),
    }));
}

export const mixedScenes: fc.Arbitrary<Scene> = scenesOf(WAYS.filter(({ alone }) => alone !== true));

/** What others have on the same host, named much like what converge makes: none of it may be touched. */
export function withStrangers(state: HostState): HostState {
  const loop: Loop = {
    device: "/dev/loop7", backing: "/srv/xen/somebody.img", inode: 9000, devno: "253:0", offset: 0, readOnly: false, deleted: false,
  };
  const mount: Mount = { target: "/mnt/converge", source: "/dev/loop7", type: "ext4", options: "rw", devno: "7:7", root: "/" };
  return {
    ...state,
    volumes: {
      ...state.volumes,
      "vg0/converge-web1": aVolume("vg0/converge-web1", 16 * MIB),
      "vg0/images-snapshot": aVolume("vg0/images-snapshot", 64 * MIB, { kind: "snapshot", origin: "vg0/images", tags: ["backup"] }),
      "vg0/web1-old": aVolume("vg0/web1-old", 16 * MIB, { tags: ["converge", "converge.domain=other", "converge.role=disk"] }),
    },
    loops: [...state.loops, loop],
    mounts: [...state.mounts, mount],
  };
}
