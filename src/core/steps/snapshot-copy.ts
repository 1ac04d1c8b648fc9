import { formatBytes } from "../model/bytes.js";
import type { StepKind } from "../model/step.js";
import { withDisk } from "../model/transform.js";
import { takenBack, takingOf, withTaken } from "./snapshot.js";
import type { TakenSnapshot } from "./snapshot.js";

/** A copy as it is at this moment, for a clone to write to: the copy itself, which nobody has mounted, stays as it is. */
export const snapshotCopy: StepKind<"snapshot-copy", TakenSnapshot> = {
  kind: "snapshot-copy",
  risk: "safe",
  requires: ["lvcreate", "lvremove"],
  modules: ["dm_snapshot"],
  title: ({ origin, snapshot, bytes }) =>
    `Snapshot the copy ${origin} as ${snapshot}${bytes === undefined ? ", thin" : `, ${formatBytes(bytes)} for what the clone writes`}`,
  actions: (taken) => [{ command: takingOf(taken) }],
  goals: ({ origin, snapshot, tags }) => [{ goal: "snapshot-exists", volume: snapshot, origin, tags }],
  effect: (taken, model) => {
    const copy = model.ghost.disks[taken.origin];
    const made = withTaken(taken, model);
    return copy === undefined ? made : withDisk(made, taken.snapshot, copy);
  },
  undo: takenBack,
};
