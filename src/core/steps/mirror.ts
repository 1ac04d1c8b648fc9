import type { Leg } from "../model/goal.js";
import { formatBytes } from "../model/bytes.js";
import { sectorsOf } from "../model/mapping.js";
import { markedRegionSectors } from "../model/marks.js";
import { isRecycled } from "../model/recycled.js";
import type { StepKind } from "../model/step.js";
import type { Content } from "../model/storage.js";
import { collapsed, inSync, mirroring } from "./legs.js";

export interface StartMirror {
  readonly domain: string;
  readonly name: string;
  readonly bytes: number;
  readonly from: Leg;
  readonly to: Leg;
  /** A device with marks of what is to be copied ({@link markUsed}); unset: all. */
  readonly log?: string;
  /** At most; unset: as fast as it goes. */
  readonly bytesPerSecond?: number;
}

/**
 * From here on both legs get every write, and the kernel copies what was there before. `handle_errors` always:
 * without it a write that failed on one leg is acknowledged, and a failed copy counts as in sync (dm-raid1.c).
 */
export const startMirror: StepKind<"start-mirror", StartMirror> = {
  kind: "start-mirror",
  risk: "safe",
  requires: ["dmsetup"],
  modules: ["dm_mirror"],
  title: ({ from, to }) => `Mirror ${from.disk} to ${to.disk}`,
  // a resume with a new table loaded suspends, swaps and resumes in one call: nothing can die in between
  actions: ({ name, bytes, from, to, log, bytesPerSecond }) => [
    { command: ["dmsetup", "reload", name, "--table", mirrorTable(bytes, from.device, to.device, log)] },
    { verb: ["start_mirror", name, String(Math.round(bytesPerSecond ?? 0)), from.disk, from.device], command: ["dmsetup", "resume", name] },
  ],
  goals: ({ name, from, to }) => [{ goal: "mirrored", name, from, to }],
  // what is not marked would stay somebody else's, and the guest would get to see it
  refuses: ({ log, to }, model) => log !== undefined && isRecycled(model, to.disk),
  effect: mirroring,
  undo: ({ domain, name, bytes, from, to }) => ({
    when: [{ goal: "mirrored", name, from, to }],
    actions: [
      {
        verb: ["collapse", name, String(sectorsOf(bytes)), from.device, to.device],
        shown: `let ${name} lie on ${from.disk} alone (on ${to.disk} alone after the commit)`,
      },
    ],
    effect: (model) => collapsed({ domain, name, bytes, from, to }, model),
  }),
};

export interface SyncMirror {
  readonly name: string;
  readonly bytes: number;
  readonly from: Leg;
  readonly to: Leg;
  /** What is in the image, and so on the volume. */
  readonly content: Content;
  /** Its mirror goes by marks: what is not marked counts as in sync, whatever it holds. */
  readonly marked?: true;
  /** At most; unset: as fast as it goes. */
  readonly bytesPerSecond?: number;
}

/** Waits for the kernel's copy, looks at both legs meanwhile, and ends the mirror where one of them fails. */
export const syncMirror: StepKind<"sync-mirror", SyncMirror> = {
  kind: "sync-mirror",
  risk: "safe",
  always: true,
  requires: ["dmsetup", "flock"],
  needs: ({ bytesPerSecond }) => ["dmsetup", ...(bytesPerSecond === undefined ? [] : ["flock"])],
  title: ({ from, to, marked }) => marked === true ? `Copy what is marked of ${from.disk} to ${to.disk}` : `Copy all of ${from.disk} to ${to.disk}, until both are equal`,
  actions: ({ name, bytes, from, bytesPerSecond }) => [
    {
      verb: ["await_sync", name, String(bytes), String(Math.round(bytesPerSecond ?? 0)), from.disk, from.device],
      shown: `dmsetup status ${name}, until every region is in sync, and nobody has had ${from.disk} around it`
        + (bytesPerSecond === undefined ? "" : `; raid1_resync_throttle of dm_mirror set so that it is no more than ${formatBytes(bytesPerSecond)}/s, and put back`),
    },
  ],
  goals: ({ name }) => [{ goal: "mirror-in-sync", name }],
  effect: inSync,
};

/** Sectors in a region, the unit of the mirror's log: half a MiB, and more where there would be over a million of them. */
function regionSectors(bytes: number): number {
  let region = 1024;
  while (sectorsOf(bytes) / region > 1_048_576) region *= 2;
  return region;
}

/**
 * The kernel's `mirror` target (drivers/md/dm-raid1.c). `sync` means that all is to be brought in sync; `nosync`, that
 * nothing needs to be, which copies not one block and reports every region as in sync (dm-log.c, and seen). A log on a
 * device says itself what is in sync: nothing may be said of it here, or it is not read.
 */
function mirrorTable(bytes: number, from: string, to: string, log: string | undefined): string {
  const how = log === undefined ? `core 2 ${regionSectors(bytes)} sync` : `disk 2 ${log} ${markedRegionSectors(bytes)}`;
  return `0 ${sectorsOf(bytes)} mirror ${how} 2 ${from} 0 ${to} 0 1 handle_errors`;
}
