import type { Command } from "../model/command.js";
import { formatBytes } from "../model/bytes.js";
import type { Action, StepKind } from "../model/step.js";
import { withDisk } from "../model/transform.js";
import { THROTTLE_TOOLS, throttled, throttleTools } from "./throttle.js";
import type { Throttle } from "./throttle.js";

export interface CopyFiles {
  /** The same for all passes of one copy: the last one is forecast from the ones before. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** Keys of the model: what is read, and what is written. */
  readonly from: string;
  readonly to: string;
  readonly role: "first" | "delta" | "last";
  /** times: files of one size and time are taken as equal. checksum: every file is read and compared. */
  readonly compare: "times" | "checksum";
  readonly throttle: Throttle;
  readonly watch?: SnapshotWatch | PoolWatch;
  /**
   * A guest that this run has taken down before. Where it did not shut down but was destroyed, or crashed, what it flushed in its last
   * seconds may be on its disk under a file's old time: fdatasync(2) leaves the time to a later commit of the guest's journal.
   */
  readonly takenDown?: string;
}

/** The snapshot that the copy reads from: watched, grown in time, and never trusted once it overflowed. */
export interface SnapshotWatch {
  readonly snapshot: string;
  readonly limitPercent: number;
  readonly growBytes: number;
}

/** The thin pool that a thin snapshot takes from: when it is full, every volume in it fails. */
export interface PoolWatch {
  readonly pool: string;
  readonly limitPercent: number;
}

/**
 * One pass of rsync. Not `--inplace`: two names of one file that the guest has parted since the last pass would
 * write into each other. `--modify-window=-1` compares nanoseconds; without it rsync compares whole seconds
 * (rsync(1)), and a file changed twice within one is missed.
 */
export const copyFiles: StepKind<"copy-files", CopyFiles> = {
  kind: "copy-files",
  // a volume is a copy in the making, and nobody's; an image that its guest goes back to is not what it was after that
  risk: ({ to }) => (to.startsWith("/") ? "destructive" : "safe"),
  requires: ["rsync", "sync", "find", "xargs", ...THROTTLE_TOOLS],
  needs: ({ throttle }) => ["rsync", "sync", "find", "xargs", ...throttleTools(throttle)],
  title: ({ from, to, role, compare }) => {
    const pass = { first: "Copy the files of", delta: "Copy what changed in", last: "Copy the last changes in" }[role];
    return `${pass} ${from} to ${to}${compare === "checksum" ? ", comparing every file" : ""}`;
  },
  actions: (args) => [
    ...watching(args), parted(args), ifNoRoom(args), ...unlessShutDown(args), { verb: ["copy", args.name, args.role], command: rsync(args) },
    // rsync is done when all is in memory: what finds no place after that (in a sparse image whose file system is full) is told
    // to whoever flushes it, and not to umount. No check of the file system finds it either: only data is missing
    { command: ["sync", "--file-system", args.target] },
  ],
  goals: () => [],
  effect: ({ from, to, compare }, model) => {
    const source = model.ghost.disks[from];
    const target = model.ghost.disks[to];
    if (source === undefined || target === undefined) return model;
    // files on what is no file system of ours: whatever comes of it, it is not a copy
    if (target.writes < 0) return withDisk(model, to, { writes: -1, deceptive: true, consistent: false });
    // by times, files that already looked equal are skipped: an older deception stays
    const deceptive = source.deceptive || (compare === "times" && target.deceptive);
    return withDisk(model, to, { writes: source.writes, deceptive, consistent: true });
  },
};

function watching({ watch }: CopyFiles): readonly Action[] {
  if (watch === undefined) return [];
  if ("pool" in watch) {
    const { pool, limitPercent } = watch;
    return [
      {
        verb: ["watch", "pool_fill", pool, String(limitPercent)],
        shown: `watch ${pool} fill: beyond ${limitPercent} % give the copy up`,
      },
    ];
  }
  const { snapshot, limitPercent, growBytes } = watch;
  return [
    {
      verb: ["watch", "snapshot_fill", snapshot, String(limitPercent), String(growBytes)],
      shown: `watch ${snapshot} fill: beyond ${limitPercent} % grow it by ${formatBytes(growBytes)}, or what is free (lvextend --size), or give the copy up`,
    },
  ];
}

/** rsync parts no names: what was linked in an earlier pass stays so, as long as it looks the same under each. */
function parted({ source, target }: CopyFiles): Action {
  return {
    verb: ["parted", source, target],
    shown: `where names of one file in ${target} are of several in ${source} by now: remove them from ${target}, to be copied again`,
  };
}

/** A changed file is written beside the old one: one that is larger than what is free would never be. */
function ifNoRoom({ target }: CopyFiles): Action {
  return {
    verb: ["if-no-room", target],
    shown: `where a changed file finds no room: remove what is to be replaced from ${target}, and copy again`,
  };
}

/** Which files that are can not be told, so all are compared. */
function unlessShutDown({ takenDown, compare }: CopyFiles): readonly Action[] {
  if (takenDown === undefined || compare === "checksum") return [];
  return [
    {
      verb: ["unless_shut_down"],
      shown: `where ${takenDown} was not seen to shut down (it crashed, say): with --checksum, for its last writes may stand there under a file's old time`,
    },
  ];
}

function rsync({ source, target, compare, throttle }: CopyFiles): Command {
  const limit = throttle.bandwidthBytesPerSecond;
  return throttled(throttle, [
    "rsync", "-aHAXSx", "--numeric-ids", "--delete", "--modify-window=-1",
    ...(compare === "checksum" ? ["--checksum"] : []),
    ...(limit === undefined ? [] : [`--bwlimit=${Math.max(1, Math.floor(limit / 1024))}`]),
    "--info=progress2", "--stats", "--outbuf=L",
    `${source}/`, `${target}/`,
  ]);
}

export interface DistrustFresh {
  readonly source: string;
  readonly target: string;
  /** Key of the model. */
  readonly to: string;
  /** How long a guest may hold written data back: files younger than this are compared again. */
  readonly windowSeconds: number;
}

/**
 * The cure of the two-pass loss: a guest's journal may show a file's new time while its data is still in the
 * guest's memory. Files that were fresh when the snapshot was taken get a time on the target that no file has, so
 * that the next pass takes them for changed and copies them for real.
 */
export const distrustFresh: StepKind<"distrust-fresh", DistrustFresh> = {
  kind: "distrust-fresh",
  risk: "safe",
  requires: ["find", "xargs", "touch"],
  title: ({ windowSeconds }) =>
    `Mark files changed in the last ${Math.round(windowSeconds / 60)} minutes, to compare them again`,
  actions: ({ source, target, windowSeconds }) => [
    {
      verb: ["distrust_fresh", source, target, String(windowSeconds)],
      shown: `give files of ${target} whose source is younger than ${windowSeconds} s a time that no file has`,
    },
  ],
  goals: () => [],
  effect: ({ to }, model) => {
    const target = model.ghost.disks[to];
    return target === undefined ? model : withDisk(model, to, { ...target, deceptive: false });
  },
};
