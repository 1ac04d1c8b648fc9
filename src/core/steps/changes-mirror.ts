import { withChangesCopied } from "../model/bitmap.js";
import { mappingPath, sectorsOf } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { CHUNK_BYTES } from "./track-array.js";
import { holding } from "./array-mirror.js";
import type { CompleteArray, GrowArray } from "./array-mirror.js";
import { collapsed, joined, takenForEqual } from "./legs.js";
import type { Legs } from "./legs.js";

/**
 * The volume takes the empty place of the array. `--re-add` says that it holds all but what the bitmap names; where there is
 * no superblock, mdadm and the kernel take the word for it (Manage.c; md.c, md_add_new_disk), so that it has to be true.
 */
export const readdArray: StepKind<"re-add-array", GrowArray> = {
  kind: "re-add-array",
  risk: "safe",
  requires: ["mdadm"],
  title: ({ from, to }) => `Mirror ${from.disk} to ${to.disk}, and copy what was written meanwhile`,
  actions: ({ name, bytes, to, bytesPerSecond }) => {
    return [
      holding(name, heldChanges(bytes), "none of its last part yet", bytesPerSecond),
      {
        verb: ["readd_member", name, to.device, String(bytes), String(CHUNK_BYTES)],
        command: ["mdadm", mappingPath(name), "--re-add", to.device],
      },
    ];
  },
  goals: ({ name, from, to }) => [{ goal: "array-mirrored", name, from, to }],
  effect: joined,
  undo: ({ domain, name, bytes, from, to }) => ({
    when: [{ goal: "array-mirrored", name, from, to }],
    actions: [
      {
        verb: ["collapse_array", name, from.device, to.device],
        shown: `take ${to.disk} out of ${mappingPath(name)} (${from.disk} after the commit)`,
      },
    ],
    effect: (model) => collapsed({ domain, name, bytes, from, to }, model),
  }),
};

/** Waits until what the bitmap names is copied, but for what is held back, and looks at both members meanwhile. */
export const syncChanges: StepKind<"sync-changes", Legs> = {
  kind: "sync-changes",
  risk: "safe",
  always: true,
  requires: ["mdadm"],
  title: ({ from, to }) => `Copy what changed in ${from.disk} to ${to.disk}, but for its last part`,
  actions: ({ name, bytes, from, to }) => [
    {
      verb: ["await_changes", name, from.device, to.device, String(bytes), String(heldChanges(bytes)), from.disk],
      shown: `read sync_completed of ${mappingPath(name)} until it is there, and nobody has had ${from.disk} around it`,
    },
  ],
  goals: () => [],
  effect: (_args, model) => model,
};

/** The last of it, as {@link CompleteArray}; what the volume then holds is what copy and bitmap were worth. */
export const completeChanges: StepKind<"complete-changes", CompleteArray> = {
  kind: "complete-changes",
  risk: "safe",
  requires: ["mdadm"],
  title: ({ from }) => `Copy the last of what changed in ${from.disk}: both are equal then`,
  actions: ({ name, bytes, from, to }) => [
    {
      verb: ["complete_changes", name, from.device, to.device, String(bytes)],
      shown: `echo system > sync_speed_max and max > sync_max of ${mappingPath(name)}, until both members are in sync`,
    },
  ],
  goals: ({ name, to }) => [{ goal: "array-in-sync", name, leg: to }],
  effect: (args, model) =>
    withChangesCopied(takenForEqual(args, model), { name: args.name, image: args.from.disk, volume: args.to.disk }),
};

/** Counters of chunks that the kernel keeps in a page of its own: of a page without any it passes over all at once (md-bitmap.c). */
const CHUNKS_OF_A_PAGE = 2048;

/**
 * How far the copy goes before it waits, in sectors: to the beginning of the last stretch that md passes over at once where
 * nothing in it was written. Were it held within that, md would be at its end before anybody told it to go there.
 */
function heldChanges(bytes: number): number {
  const page = (CHUNKS_OF_A_PAGE * CHUNK_BYTES) / 512;
  return Math.max(0, Math.floor((sectorsOf(bytes) - 1) / page) * page);
}
