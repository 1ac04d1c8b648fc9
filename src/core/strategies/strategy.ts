import type { MoveDisk } from "../model/change.js";
import type { MoveOptions } from "../model/desired.js";
import type { HostState } from "../model/host-state.js";
import type { Estimate } from "../model/plan.js";
import type { Step } from "../model/step.js";
import type { PivotedDisk } from "../steps/pivot-disks.js";

/** One disk on its way to a volume, with the names that its steps share. */
export interface DiskMove {
  readonly change: MoveDisk;
  readonly options: MoveOptions;
  readonly paths: DiskPaths;
  /**
   * How the guest is during the copy: live copies come from snapshots, others from the image itself. `move.offline` permits the
   * latter where there can be no snapshot, and asks for nothing where there can be one.
   */
  readonly live: boolean;
  /** Whether the guest is there at all while it is moved. */
  readonly running: boolean;
  /** How the guest gets onto its new disk, where it has to be taken there. */
  readonly switchOver: SwitchOver;
  /** An earlier run took the guest onto its mapping already. */
  readonly mapped: boolean;
}

/**
 * restart: shut down and created anew. suspend: frozen and thawed, with its memory and its uptime.
 * migrate: copied to this very host while it runs, and the copy goes on. next-reboot: nothing
 * is done to it, and its own next reboot takes it there.
 */
export type SwitchOver = "restart" | "suspend" | "migrate" | "next-reboot";

export interface DiskPaths {
  /** Link to the loop device over the image. */
  readonly link: string;
  /** Link to the loop device over the marks of what a mirror is to copy. */
  readonly marks: string;
  readonly source: string;
  readonly target: string;
}

/**
 * What a strategy has done for one disk, by the moment it is done in. The switch-over joins the fragments of all
 * disks of a guest into one sequence with one downtime.
 */
export interface Fragments {
  /** Once, while the guest runs on. */
  readonly prepare: readonly Step[];
  /** In each copy pass, between taking and removing a snapshot of the image's volume; unset: no passes. */
  readonly pass?: (at: PassPlace) => readonly Step[];
  /** After the last pass, while the guest runs on. */
  readonly checked: readonly Step[];
  /** Set where what is on the volume before the switch is whole, once it is checked or carried at rest: a clone can boot from it. */
  readonly rehearsal?: RehearsalFragment;
  /** Right before the guest is taken down: what would else lengthen the downtime. */
  readonly poised: readonly Step[];
  /** While the guest is down. */
  readonly atRest: readonly Step[];
  /** Once the guest runs on its new disk. */
  readonly settle: readonly Step[];
  /** Set where the disk is mirrored under the running guest instead of being copied for it. */
  readonly mirror?: MirrorFragments;
  /** Set where whoever serves the disk copies it and goes over to the copy by itself: the guest is taken nowhere. */
  readonly pivot?: PivotFragments;
}

/** What a rehearsal boots from. */
export interface RehearsalFragment {
  readonly volume: string;
  readonly bytes: number;
  readonly extentBytes: number;
  /** So that further passes can go on. */
  readonly after: readonly Step[];
}

/** What a mirror does that the guest's own QEMU makes. */
export interface PivotFragments {
  readonly disk: Omit<PivotedDisk, "edits">;
  /** As the guest sees the disk. */
  readonly bytes: number;
  /** While the guest runs: until the volume follows the image. */
  readonly sync: readonly Step[];
  /** While the guest is paused, right before it goes over, where the playbook wants it (`verify: full`). */
  readonly compare?: Step;
  /** What is let go of once the guest is on its volume. */
  readonly release: readonly Step[];
}

/** What a mirror does, by the moment it is done in. */
export interface MirrorFragments {
  /** The device that the guest is taken onto first: what lies below it changes later, unseen by the guest. */
  readonly onto: string;
  /** Loop device over the image that the mirror reads. */
  readonly link: string;
  /** While nobody has the disk, where the mirror has to begin then: the guest is down, and comes up on it. */
  readonly begin?: readonly Step[];
  /** While the guest runs on it: until the volume holds everything. */
  readonly sync: readonly Step[];
  /** While nobody writes to either, where the playbook wants it (`verify: full`): they are compared block by block. */
  readonly compare?: Step;
  /** The very last of it, for a mirror that can not wait once it is in sync: right before configs are switched. */
  readonly complete?: readonly Step[];
  /** The commit: the volume alone. */
  readonly cut: readonly Step[];
  /** What served the mirror. */
  readonly release: readonly Step[];
  /** The device that the guest was taken onto: last of all, since the guest may still be on it. */
  readonly retire?: readonly Step[];
}

/** Where a copy pass reads. */
export interface PassPlace {
  /** First word of the steps' ids. */
  readonly id: string;
  /** Where the snapshot of the image's volume is mounted, and the snapshot itself. */
  readonly mountpoint: string;
  readonly snapshot: string;
  /** By how much it is grown at a time, in bytes; unset for a thin one, which has what its pool has. */
  readonly snapshotGrowth?: number;
  /**
   * A pass over a copy that an earlier run began reads everything: nobody knows how far its times can be trusted. as-last: as the
   * last pass will, which is forecast from this one.
   */
  readonly compare: "times" | "checksum" | "as-last";
}

export interface Fit {
  readonly fits: boolean;
  readonly reasons: readonly string[];
  /** It could be done this way if the host had this as well: until then it is refused, and `auto` takes another, if there is one. */
  readonly lacks?: readonly string[];
  /** It can be done this way, and what comes of it is not quite what was asked for: `auto` takes another, if there is one. */
  readonly but?: readonly string[];
}

/** What a strategy is reckoned to cost for one disk; what the switch-over costs is added by whoever asks. */
export interface DiskForecast {
  /** Read from the image and written to the volume. */
  readonly copyBytes: number;
  /** What that takes, from the first step on, apart from {@link held}. */
  readonly seconds: number;
  /** How often the switch-over has to take the guest onto another device: 0 where it never notices anything. */
  readonly takeOvers: 0 | 1 | 2;
  /** What the guest waits for besides being taken down and brought up: a last pass. */
  readonly held: readonly ForecastPart[];
  /** What it waits for once more, after it has been taken over: a comparison. */
  readonly paused?: readonly ForecastPart[];
}

export type ForecastPart = Estimate["parts"][number];

/** What the part is called that the passes before it measure, so that the run knows it better than its plan. */
export const LAST_PASS = "last pass";

/** One way to bring a disk's content to a volume. A new one is a file in this folder. */
export interface Strategy {
  readonly name: string;
  /** What it does, in a line: the playbook's schema says it to editors. */
  readonly about: string;
  /** May a playbook name it, or is it only picked? */
  readonly named: boolean;
  /** May `auto` pick it? `last`: only where nothing else keeps the budget. */
  readonly auto: boolean | "last";
  /**
   * How the guest is while its disks are carried: all disks of a guest have to go one way, since a copy is finished while
   * it is down and a mirror while it runs. A word of its own, or that of another strategy whose disks may go along: `files` for
   * whatever is finished in one restart. Unset: goes with those that {@link goesWith} says.
   */
  readonly way?: string;
  /** Set where a running guest is taken onto a device first, by a config that is made of its own and of what it has: the two have to go together. */
  readonly takesOver?: true;
  /** What goes to the volume: files, all blocks as they are, or nothing, where what is on it is made anew. */
  readonly carries: "files" | "blocks" | "nothing";
  /** The devices of Dom0's own under which the disk's content shows there meanwhile, the volume among them. */
  readonly shows: readonly ("loop" | "mapping" | "volume")[];
  /** Set where the image of a guest that runs is read from snapshots of the volume that it lies on. */
  readonly snapshots?: true;
  /** What fails all further writes of a guest, for good, after one that its image could not take. Unset: nothing does. */
  readonly failsOnFull?: string;
  /** For one that has no way of its own; `undefined`: no other disk has one. Unset: with any. */
  goesWith?(way: string | undefined, move: DiskMove): boolean;
  /** Whether it can do this disk on this host, and why, or why not. */
  fits(move: DiskMove, state: HostState): Fit;
  /** Asked only where it fits. From the host's own figures: strategies/rates.ts. */
  forecast(move: DiskMove, state: HostState): DiskForecast;
  fragments(move: DiskMove, state: HostState): Fragments;
}
