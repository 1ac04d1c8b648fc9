/**
 * The moves that the lab's suite brings to their end, a row each, by what may differ between moves. A test takes from its row what
 * its playbook says of strategy, switch-over and finish ({@link wayOf}), and test/docs/lab-coverage.test.ts holds the rows against
 * the tests, against the planner, and against all pairs that are possible.
 *
 * No row: what is refused, what is broken off and no later run brings to its end, what a test makes again by the same playbook, and
 * the cuts of power.lab.ts, of which nobody knows before which of its moves they come into.
 */

export type Strategy = "rsync" | "dm" | "qemu" | "md" | "md-preseed" | "drbd";

/** none: the guest runs on, and is taken nowhere. down: it does not run. The others are those of playbooks. */
export type Switch = "restart" | "suspend" | "migrate" | "next-reboot" | "none" | "down";

/** old: ext4 as it was once, without extents and checksums. partitions: a whole disk, with ext4 in its one partition. */
export type FileSystem = "ext3" | "ext4" | "old" | "xfs" | "swap" | "partitions";

/** The lab's guests, and what is on each of their disks. */
export const GUESTS = {
  web1: { xvda1: "ext4", xvda2: "swap" },
  late1: { xvda1: "ext4" },
  old3: { xvda1: "ext3", xvda2: "swap" },
  oldext: { xvda1: "old" },
  xfs1: { xvda1: "xfs" },
  hard1: { xvda1: "ext4" },
  whole1: { xvda: "partitions" },
  stubborn1: { xvda1: "ext4" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, FileSystem>>>>;

export interface Move {
  readonly file: string;
  /** Of the test that brings it to its end. */
  readonly title: string;
  /** It is in `npm run test:lab`, and not only in `test:lab:all`. */
  readonly sampled: boolean;
  readonly guest: keyof typeof GUESTS;
  readonly disks: readonly ("xvda" | "xvda1" | "xvda2")[];
  readonly type: "pv" | "pvh" | "hvm";
  /** Which build of Xen: `main` has shadow paging, `security` has not. */
  readonly hypervisor: "main" | "security";
  readonly strategy: Strategy;
  readonly switch: Switch;
  /** The playbook leaves the switch-over to `auto`. */
  readonly picked?: true;
  /** How the guest leaves the device that mirrors its disk; unset where there is none. */
  readonly finish?: "now" | "window" | "deferred";
  /** What of its root goes to the volume. */
  readonly reach: "files" | "used blocks" | "all blocks";
}

type Made = Pick<Move, "file" | "title" | "sampled">;

function sampled(file: string, title: string): Made {
  return { file, title, sampled: true };
}

/** In `npm run test:lab:all` alone. */
function inAll(file: string, title: string): Made {
  return { file, title, sampled: false };
}

/** Most tests run on the newest build, with guests as they were once. */
const PV = { type: "pv", hypervisor: "security" } as const;
const PVH = { type: "pvh", hypervisor: "security" } as const;
const MAIN = { type: "pv", hypervisor: "main" } as const;
const PVH_MAIN = { type: "pvh", hypervisor: "main" } as const;
const HVM = { type: "hvm", hypervisor: "security" } as const;
const HVM_MAIN = { type: "hvm", hypervisor: "main" } as const;

const ONE = ["xvda1"] as const;
const BOTH = ["xvda1", "xvda2"] as const;
const WHOLE = ["xvda"] as const;

const FILES = { strategy: "rsync", switch: "restart", reach: "files" } as const;
const FILES_AT_REST = { strategy: "rsync", switch: "down", reach: "files" } as const;
/** All that a mirror is not told to leave out. */
const BLOCKS = { reach: "all blocks" } as const;
const DEFERRED = { ...BLOCKS, finish: "deferred" } as const;
const NOW = { ...BLOCKS, finish: "now" } as const;
const IN_WINDOW = { ...BLOCKS, finish: "window" } as const;

export const MOVES = {
  "moves/web1": {
    ...sampled("moves.lab.ts", "is moved from the saved plan, with every acknowledged record, in one restart"),
    guest: "web1", disks: BOTH, ...MAIN, ...FILES,
  },
  "moves/late1": {
    ...sampled("moves.lab.ts", "a guest that overwrites in place and flushes late loses no acknowledged write"),
    guest: "late1", disks: ONE, ...MAIN, ...FILES,
  },
  "moves/hard1": {
    ...sampled("moves.lab.ts", "a guest that is down is moved too: links, holes, attributes, devices and odd names arrive as they were"),
    guest: "hard1", disks: ONE, ...MAIN, ...FILES_AT_REST,
  },
  "moves/old3": { ...inAll("moves.lab.ts", "$guest comes up on its volume"), guest: "old3", disks: BOTH, ...MAIN, ...FILES },
  "moves/oldext": { ...inAll("moves.lab.ts", "$guest comes up on its volume"), guest: "oldext", disks: ONE, ...MAIN, ...FILES },
  "moves/xfs1": { ...inAll("moves.lab.ts", "$guest comes up on its volume"), guest: "xfs1", disks: ONE, ...MAIN, ...FILES },

  "breadth/old": {
    // and oldext, by the same glob
    ...inAll("breadth.lab.ts", "several guests of a glob are moved one after the other, compared in full, and one is ready by a command"),
    guest: "old3", disks: ONE, ...PV, ...FILES,
  },
  "breadth/hard1": {
    ...inAll("breadth.lab.ts", "hard files of a guest that runs arrive as they were: links, holes, attributes, devices and odd names"),
    guest: "hard1", disks: ONE, ...PV, ...FILES,
  },
  "breadth/late1": {
    ...inAll("breadth.lab.ts", "a guest that somebody destroys while it is asked to shut down has on its volume what it had flushed"),
    guest: "late1", disks: ONE, ...PV, ...FILES,
  },
  "breadth/stubborn1": {
    ...inAll("breadth.lab.ts", "an image on a thin volume that is nearly all there is copied from a thin snapshot"),
    guest: "stubborn1", disks: ONE, ...PV, ...FILES,
  },

  "mirrors/web1": {
    ...sampled("mirrors.lab.ts", "gets onto its volumes without a restart, with every acknowledged record"),
    guest: "web1", disks: BOTH, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "mirrors/late1": {
    ...inAll("mirrors.lab.ts", "a guest that overwrites in place and flushes late loses no acknowledged write in a mirror of what is in use"),
    guest: "late1", disks: ONE, ...PV, strategy: "dm", switch: "restart", finish: "deferred", reach: "used blocks",
  },
  "mirrors/whole1": {
    ...inAll("mirrors.lab.ts", "is mirrored in one restart; what differs on the volume is found and copied again"),
    guest: "whole1", disks: WHOLE, ...PV, strategy: "dm", switch: "restart", ...DEFERRED,
  },
  "mirrors/oldext": {
    ...inAll("mirrors.lab.ts", "and the next run goes on without taking the guest over again"),
    guest: "oldext", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "mirrors/old3": {
    ...inAll("mirrors.lab.ts", "an image that gives errors in mid-mirror: the guest runs on, on its image, and once it can be read again the next run finishes"),
    guest: "old3", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "mirrors/stubborn1": {
    ...inAll("mirrors.lab.ts", "an image that has no room left once all is in sync: the volume takes over, with every record"),
    guest: "stubborn1", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "mirrors/xfs1": {
    ...inAll("mirrors.lab.ts", "a guest that is left to reboot by itself is not touched, and mirrored with no downtime after it has"),
    guest: "xfs1", disks: ONE, ...PV, strategy: "dm", switch: "next-reboot", ...DEFERRED,
  },

  "switches/web1-pvh": {
    ...sampled("switches.lab.ts", "a PVH guest is live-migrated onto the volume of one of its two disks: what costs the least downtime"),
    guest: "web1", disks: ONE, ...PVH, strategy: "dm", switch: "migrate", picked: true, ...DEFERRED,
  },
  "switches/whole1-hvm": {
    ...inAll("switches.lab.ts", "a whole disk with partitions is mirrored under an HVM guest with a CD drive, which is migrated"),
    guest: "whole1", disks: WHOLE, ...HVM, strategy: "dm", switch: "migrate", picked: true, ...DEFERRED,
  },
  "switches/oldext-pvh": {
    ...inAll("switches.lab.ts", "a PVH guest is suspended"),
    guest: "oldext", disks: ONE, ...PVH, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "switches/web1": {
    ...inAll("switches.lab.ts", "a PV guest is live-migrated with both of its disks"),
    guest: "web1", disks: BOTH, ...MAIN, strategy: "dm", switch: "migrate", ...DEFERRED,
  },
  "switches/whole1": {
    ...inAll("switches.lab.ts", "a whole disk with partitions, and the kernel in it, is mirrored under a guest that is migrated, and boots from its volume"),
    guest: "whole1", disks: WHOLE, ...MAIN, strategy: "dm", switch: "migrate", ...DEFERRED,
  },
  "switches/oldext": {
    ...inAll("switches.lab.ts", "a migration that dies with its sender ends with one guest, and it runs"),
    guest: "oldext", disks: ONE, ...MAIN, strategy: "dm", switch: "migrate", ...DEFERRED,
  },
  "switches/web1-reboots": {
    ...inAll("switches.lab.ts", "the next run goes on from there without taking the guest over again"),
    guest: "web1", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },

  "md/oldext": {
    ...sampled("md.lab.ts", "gets onto its volume in two suspensions, with every acknowledged record"),
    guest: "oldext", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...NOW,
  },
  "md/web1": {
    ...inAll("md.lab.ts", "is restarted once, and runs on the volumes alone by way of the arrays"),
    guest: "web1", disks: BOTH, ...PV, strategy: "md", switch: "restart", ...DEFERRED,
  },
  "md/old3": {
    ...inAll("md.lab.ts", "a guest's own reboot takes it from the array to its volume, and the array goes"),
    guest: "old3", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...DEFERRED,
  },
  "md/stubborn1": {
    ...inAll("md.lab.ts", "what a power cut interrupted is moved by the next run, with every record"),
    guest: "stubborn1", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...NOW,
  },
  "md/xfs1": {
    ...inAll("md.lab.ts", "an image that gives errors once all is in sync: md goes on with the volume, and so does the run"),
    guest: "xfs1", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...DEFERRED,
  },
  "window/oldext": {
    ...inAll("window.lab.ts", "is taken off it when the window comes, by itself, with every acknowledged record"),
    guest: "oldext", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...IN_WINDOW,
  },
  "window/old3": {
    ...inAll("window.lab.ts", "comes up on its volume where Dom0 loses its power in the wait, and nothing is left to do"),
    guest: "old3", disks: ONE, ...PV, strategy: "drbd", switch: "suspend", ...IN_WINDOW,
  },

  "md-preseed/xfs1": {
    ...inAll("md-preseed.lab.ts", "is moved by the next run, which goes on with the copy, mirrors the little that was written, and finds both equal"),
    guest: "xfs1", disks: ONE, ...PV, strategy: "md-preseed", switch: "suspend", ...NOW,
  },
  "md-preseed/web1": {
    ...sampled("md-preseed.lab.ts", "a guest with two disks is restarted once, and stays on arrays without bitmaps, on its volumes alone"),
    guest: "web1", disks: BOTH, ...PV, strategy: "md-preseed", switch: "restart", ...DEFERRED,
  },
  "md-preseed/stubborn1": {
    ...inAll("md-preseed.lab.ts", "a power cut in mid-copy brings the guest back on its image, its bitmap is void, and the next run moves it with every record"),
    guest: "stubborn1", disks: ONE, ...PV, strategy: "md-preseed", switch: "suspend", ...NOW,
  },

  "drbd/oldext": {
    ...sampled("drbd.lab.ts", "gets onto its volume in two suspensions, compared with its image at rest, with every acknowledged record, and the DRBD that is there is as it was"),
    guest: "oldext", disks: ONE, ...PV, strategy: "drbd", switch: "suspend", ...NOW,
  },
  "drbd/web1": {
    ...inAll("drbd.lab.ts", "is restarted once, and runs on the volumes alone by way of the devices"),
    guest: "web1", disks: BOTH, ...PV, strategy: "drbd", switch: "restart", ...DEFERRED,
  },
  "drbd/whole1": {
    ...inAll("drbd.lab.ts", "a whole disk goes with its partitions, and the guest's own reboot takes it from the device to its volume"),
    guest: "whole1", disks: WHOLE, ...PV, strategy: "drbd", switch: "suspend", ...DEFERRED,
  },
  "drbd/stubborn1": {
    ...inAll("drbd.lab.ts", "the power goes right after the commit: the guest comes up on its volume, with every acknowledged record"),
    guest: "stubborn1", disks: ONE, ...PV, strategy: "drbd", switch: "suspend", ...DEFERRED,
  },
  "drbd/late1": {
    ...inAll("drbd.lab.ts", "an image that gives errors once all is in sync: DRBD goes on with the volume, and so does the run"),
    guest: "late1", disks: ONE, ...PV, strategy: "drbd", switch: "suspend", ...DEFERRED,
  },

  "qemu/web1": {
    ...sampled("qemu.lab.ts", "goes over to its volumes without being stopped, and QEMU has let go of the images"),
    guest: "web1", disks: BOTH, ...PV, strategy: "qemu", switch: "none", ...BLOCKS,
  },
  "qemu/oldext": {
    ...inAll("qemu.lab.ts", "and the next run finishes, with nothing lost"),
    guest: "oldext", disks: ONE, ...PV, strategy: "qemu", switch: "none", ...BLOCKS,
  },

  "rehearse/web1": {
    ...inAll("rehearse.lab.ts", "a guest that writes is moved once its clone has come up, with every acknowledged record, and the clone is gone"),
    guest: "web1", disks: BOTH, ...PV, ...FILES,
  },
  "rehearse/oldext": {
    ...inAll("rehearse.lab.ts", "and whose host program is killed while the clone runs is moved by the next run, once it boots again"),
    guest: "oldext", disks: ONE, ...PV, ...FILES,
  },
  "operator/web1": {
    ...inAll("operator.lab.ts", "is told what going back would cost, and nothing changes on the host"),
    guest: "web1", disks: BOTH, ...PV, ...FILES,
  },
  "operator/retire": {
    ...inAll("operator.lab.ts", "a retired image goes when its time is past, and not before; the guest does not notice"),
    guest: "web1", disks: ONE, ...PV, ...FILES,
  },
  "sudo/web1": {
    ...inAll("sudo.lab.ts", "can look, move a guest with every record, and finds nothing to do the second time"),
    guest: "web1", disks: BOTH, ...PV, ...FILES,
  },

  "pairs/web1": { ...inAll("pairs.lab.ts", "by files, in a restart"), guest: "web1", disks: BOTH, ...PVH_MAIN, ...FILES },
  "pairs/old3": {
    ...inAll("pairs.lab.ts", "by md and blocks copied beforehand, once it has rebooted itself"),
    guest: "old3", disks: ONE, ...PVH_MAIN, strategy: "md-preseed", switch: "next-reboot", ...DEFERRED,
  },
  "pairs/oldext": {
    ...inAll("pairs.lab.ts", "by DRBD, migrated"),
    guest: "oldext", disks: ONE, ...PVH_MAIN, strategy: "drbd", switch: "migrate", ...DEFERRED,
  },
  "pairs/xfs1": {
    ...inAll("pairs.lab.ts", "xfs by DRBD, suspended"),
    guest: "xfs1", disks: ONE, ...PVH_MAIN, strategy: "drbd", switch: "suspend", ...DEFERRED,
  },
  "pairs/late1": {
    ...inAll("pairs.lab.ts", "a PV guest by md and blocks copied beforehand, migrated"),
    guest: "late1", disks: ONE, ...MAIN, strategy: "md-preseed", switch: "migrate", ...DEFERRED,
  },
  "pairs/stubborn1": {
    ...inAll("pairs.lab.ts", "by md, migrated"),
    guest: "stubborn1", disks: ONE, ...PVH_MAIN, strategy: "md", switch: "migrate", ...DEFERRED,
  },
  "pairs/whole1": {
    ...inAll("pairs.lab.ts", "a whole disk with partitions by QEMU"),
    guest: "whole1", disks: WHOLE, ...PVH_MAIN, strategy: "qemu", switch: "none", ...BLOCKS,
  },
  "pairs/hard1": {
    ...inAll("pairs.lab.ts", "by dm, while it is down"),
    guest: "hard1", disks: ONE, ...PVH_MAIN, strategy: "dm", switch: "down", ...BLOCKS,
  },
  "pairs/web1-down": {
    ...inAll("pairs.lab.ts", "by md, while the guest is down"),
    guest: "web1", disks: BOTH, ...PV, strategy: "md", switch: "down", ...BLOCKS,
  },
  "pairs/oldext-down": {
    ...inAll("pairs.lab.ts", "by md and blocks copied beforehand, while the guest is down"),
    guest: "oldext", disks: ONE, ...PV, strategy: "md-preseed", switch: "down", ...BLOCKS,
  },
  "pairs/whole1-down": {
    ...inAll("pairs.lab.ts", "by DRBD, while the guest is down"),
    guest: "whole1", disks: WHOLE, ...PV, strategy: "drbd", switch: "down", ...BLOCKS,
  },
  "pairs/old3-qemu": {
    ...inAll("pairs.lab.ts", "ext3 by QEMU"), guest: "old3", disks: ONE, ...PV, strategy: "qemu", switch: "none", ...BLOCKS,
  },
  "pairs/xfs1-qemu": {
    ...inAll("pairs.lab.ts", "xfs by QEMU"), guest: "xfs1", disks: ONE, ...PV, strategy: "qemu", switch: "none", ...BLOCKS,
  },
  "pairs/late1-now": {
    ...inAll("pairs.lab.ts", "by dm, in two suspensions"),
    guest: "late1", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...NOW,
  },
  "pairs/stubborn1-reboot": {
    ...inAll("pairs.lab.ts", "by md, once the guest has rebooted itself"),
    guest: "stubborn1", disks: ONE, ...PV, strategy: "md", switch: "next-reboot", ...DEFERRED,
  },
  "pairs/hard1-reboot": {
    ...inAll("pairs.lab.ts", "by DRBD, once the guest has rebooted itself"),
    guest: "hard1", disks: ONE, ...PV, strategy: "drbd", switch: "next-reboot", ...DEFERRED,
  },

  "hvm/xfs1": { ...inAll("hvm.lab.ts", "by files, in a restart"), guest: "xfs1", disks: ONE, ...HVM_MAIN, ...FILES },
  "hvm/hard1": { ...inAll("hvm.lab.ts", "by dm, while it is down"), guest: "hard1", disks: ONE, ...HVM_MAIN, strategy: "dm", switch: "down", ...BLOCKS },
  "hvm/stubborn1": {
    ...inAll("hvm.lab.ts", "by md, suspended"), guest: "stubborn1", disks: ONE, ...HVM_MAIN, strategy: "md", switch: "suspend", ...DEFERRED,
  },
  "hvm/oldext": {
    ...inAll("hvm.lab.ts", "by DRBD, migrated"), guest: "oldext", disks: ONE, ...HVM_MAIN, strategy: "drbd", switch: "migrate", ...DEFERRED,
  },
  "hvm/whole1": {
    ...inAll("hvm.lab.ts", "a whole disk with partitions by QEMU"), guest: "whole1", disks: WHOLE, ...HVM_MAIN, strategy: "qemu", switch: "none", ...BLOCKS,
  },
  "hvm/whole1-no-drivers": {
    ...inAll("hvm.lab.ts", "without drivers of Xen's is restarted by its power button, and loses nothing on its emulated disk"),
    guest: "whole1", disks: WHOLE, ...HVM, strategy: "dm", switch: "restart", ...DEFERRED,
  },
  "hvm/whole1-suspended": {
    ...inAll("hvm.lab.ts", "is suspended onto the device and off it again, while its QEMU has its emulated disk open"),
    guest: "whole1", disks: WHOLE, ...HVM, strategy: "dm", switch: "suspend", ...NOW,
  },
  "hvm/late1": {
    ...inAll("hvm.lab.ts", "by md and blocks copied beforehand, once it has rebooted itself"),
    guest: "late1", disks: ONE, ...HVM_MAIN, strategy: "md-preseed", switch: "next-reboot", ...DEFERRED,
  },

  "in-sync/old3": {
    ...inAll("in-sync.lab.ts", "guests that reboot themselves come up on their devices, and their moves are finished"),
    guest: "old3", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "in-sync/hard1": {
    ...inAll("in-sync.lab.ts", "guests that reboot themselves come up on their devices, and their moves are finished"),
    guest: "hard1", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...DEFERRED,
  },
  "in-sync/web1": {
    ...inAll("in-sync.lab.ts", "Dom0 reboots in order: guests are restored on their devices, and have lost nothing"),
    guest: "web1", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "in-sync/oldext": {
    ...inAll("in-sync.lab.ts", "Dom0 reboots in order: guests are restored on their devices, and have lost nothing"),
    guest: "oldext", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...DEFERRED,
  },
  "in-sync/xfs1": {
    ...inAll("in-sync.lab.ts", "Dom0 reboots in order: guests are restored on their devices, and have lost nothing"),
    guest: "xfs1", disks: ONE, ...PV, strategy: "drbd", switch: "suspend", ...DEFERRED,
  },
  "in-sync/whole1": {
    ...inAll("in-sync.lab.ts", "the power of Dom0 goes: guests come up with every acknowledged record, and their moves are finished"),
    guest: "whole1", disks: WHOLE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
  "in-sync/stubborn1": {
    ...inAll("in-sync.lab.ts", "the power of Dom0 goes: guests come up with every acknowledged record, and their moves are finished"),
    guest: "stubborn1", disks: ONE, ...PV, strategy: "md", switch: "suspend", ...DEFERRED,
  },
  "in-sync/late1": {
    ...inAll("in-sync.lab.ts", "the power of Dom0 goes: guests come up with every acknowledged record, and their moves are finished"),
    guest: "late1", disks: ONE, ...PV, strategy: "drbd", switch: "suspend", ...DEFERRED,
  },

  "faults/oldext": {
    ...sampled("faults.lab.ts", "a connection that is cut in mid-copy and again in mid-switch is made again, and the guest ends on its volume"),
    guest: "oldext", disks: ONE, ...PV, ...FILES,
  },
  "faults/web1": {
    ...sampled("faults.lab.ts", "a controller that is killed does not matter: the run goes on, and the guest ends on its volume"),
    guest: "web1", disks: ONE, ...PV, ...FILES,
  },
  "faults/late1": {
    ...inAll("faults.lab.ts", "in mid-copy: the guest is restored on its image, nothing is left, and the next run finishes"),
    guest: "late1", disks: ONE, ...PV, ...FILES,
  },
  "faults/stubborn1": {
    ...inAll("faults.lab.ts", "and goes on from the copy that there is of it in a way that asks for no shutdown"),
    guest: "stubborn1", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },

  "meddling/web1": {
    ...inAll("meddling.lab.ts", "a guest that somebody shuts down stays down, and the next run moves it, with every record"),
    guest: "web1", disks: ONE, ...PV, ...FILES_AT_REST,
  },
  "meddling/late1": {
    ...inAll("meddling.lab.ts", "a clock that jumps, forward in one pass and back in the next, costs nothing"),
    guest: "late1", disks: ONE, ...PV, ...FILES,
  },
  "meddling/oldext": {
    ...inAll("meddling.lab.ts", "a volume that does not answer while the guest is down: what waits for it is given up, and the guest is back on its image"),
    guest: "oldext", disks: ONE, ...PV, ...FILES,
  },
  "meddling/xfs1": {
    ...inAll("meddling.lab.ts", "a mirrored guest whose run died between its config and the cut, which somebody then starts and stops, keeps what it wrote to its volume"),
    guest: "xfs1", disks: ONE, ...PV, strategy: "dm", switch: "suspend", ...DEFERRED,
  },
} as const satisfies Readonly<Record<string, Move>>;

/** What the playbook of a move says of its way. Left out: what is picked, and what is so where nothing is said. */
export function wayOf(name: keyof typeof MOVES): Readonly<Record<string, string>> {
  const move: Move = MOVES[name];
  const { strategy, switch: switchOver, picked, finish } = move;
  // files go in a restart alone
  const says = picked !== true && strategy !== "rsync" && switchOver !== "none" && switchOver !== "down";
  return {
    strategy, ...(says ? { switch: switchOver } : {}), ...(finish === undefined || finish === "deferred" ? {} : { finish }),
  };
}
