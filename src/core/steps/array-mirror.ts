import { mappingPath, sectorsOf } from "../model/mapping.js";
import type { Action, StepKind } from "../model/step.js";
import type { Content } from "../model/storage.js";
import { collapsed, inSync, mirroring } from "./legs.js";
import type { Legs } from "./legs.js";

export interface GrowArray extends Legs {
  readonly domain: string;
  /** What the kernel's copy may take of the disks; unset: as the host's own limit says. */
  readonly bytesPerSecond?: number;
}

/**
 * From here on both members get every write, and the kernel copies what was there before; all but the last MiB: what
 * is not in sync is not relied on, and so an image that fails meanwhile is never left behind by md alone.
 */
export const growArray: StepKind<"grow-array", GrowArray> = {
  kind: "grow-array",
  risk: "safe",
  requires: ["mdadm"],
  title: ({ from, to }) => `Mirror ${from.disk} to ${to.disk}`,
  actions: ({ name, bytes, to, bytesPerSecond }) => {
    const path = mappingPath(name);
    return [
      { verb: ["two_members", name], command: ["mdadm", "--grow", path, "--raid-devices=2", "--force"] },
      holding(name, heldSectors(bytes), "all but the last MiB", bytesPerSecond),
      { verb: ["add_member", name, to.device], command: ["mdadm", path, "--add", to.device] },
    ];
  },
  goals: ({ name, from, to }) => [{ goal: "array-mirrored", name, from, to }],
  effect: mirroring,
  undo: ({ domain, name, bytes, from, to }) => ({
    when: [{ goal: "array-mirrored", name, from, to }],
    actions: [
      {
        verb: ["collapse_array", name, from.device, to.device],
        shown: `let ${mappingPath(name)} lie on ${from.disk} alone (on ${to.disk} alone after the commit)`,
      },
    ],
    effect: (model) => collapsed({ domain, name, bytes, from, to }, model),
  }),
};

/** Waits until all but what is held back is copied, and looks at both members meanwhile. */
export const syncArray: StepKind<"sync-array", Legs> = {
  kind: "sync-array",
  risk: "safe",
  always: true,
  requires: ["mdadm"],
  title: ({ from, to }) => `Copy ${from.disk} to ${to.disk}, all but the last MiB`,
  actions: ({ name, bytes, from, to }) => [
    {
      verb: ["await_array", name, from.device, to.device, String(bytes), String(heldSectors(bytes)), from.disk],
      shown: `read sync_completed of ${mappingPath(name)} until it is there, and nobody has had ${from.disk} around it`,
    },
  ],
  goals: () => [],
  effect: (_args, model) => model,
};

export interface CompleteArray extends Legs {
  /** What is in the image, and so on the volume. */
  readonly content: Content;
}

/**
 * The last MiB: from here on md relies on both, and so whichever fails is left behind at once. The switch of the
 * configs follows without waiting for anything.
 */
export const completeArray: StepKind<"complete-array", CompleteArray> = {
  kind: "complete-array",
  risk: "safe",
  requires: ["mdadm"],
  title: ({ from }) => `Copy the last of ${from.disk}: both are equal then`,
  actions: ({ name, bytes, from, to }) => [
    {
      verb: ["complete_array", name, from.device, to.device, String(bytes)],
      shown: `echo max > sync_max of ${mappingPath(name)}, until both members are in sync`,
    },
  ],
  goals: ({ name, to }) => [{ goal: "array-in-sync", name, leg: to }],
  effect: inSync,
};

/**
 * Before the volume is taken in: the copy stops where it is told to, and keeps to a rate.
 * @param what of the disk that leaves, for people
 */
export function holding(name: string, sectors: number, what: string, bytesPerSecond: number | undefined): Action {
  const kib = bytesPerSecond === undefined ? undefined : String(Math.max(1, Math.floor(bytesPerSecond / 1024)));
  return {
    verb: ["hold_array", name, String(sectors), ...(kib === undefined ? [] : [kib])],
    shown: `echo ${sectors} > sync_max of ${mappingPath(name)}: ${what}` + (kib === undefined ? "" : `; echo 1 > sync_speed_min; echo ${kib} > sync_speed_max`),
  };
}

/** How far the copy goes before it waits: md counts in sectors, and copies 128 of them at once (raid1.h, RESYNC_SECTORS). */
function heldSectors(bytes: number): number {
  const sectors = sectorsOf(bytes);
  return sectors > 4096 ? Math.floor((sectors - 2048) / 128) * 128 : 0;
}
