import { formatBytes } from "../model/bytes.js";
import { withDisk, withFreeExtents, withVolume } from "../model/transform.js";
import type { StepKind } from "../model/step.js";
import { lvmSize } from "./lvm-size.js";
import { removeSnapshot } from "./snapshot.js";

export interface SnapshotCopy {
  /** The volume that the copy is on, which nobody has mounted. */
  readonly origin: string;
  readonly snapshot: string;
  /** Room for what the clone writes; undefined for a thin origin, whose snapshots take from the pool. */
  readonly bytes?: number;
  readonly extentBytes: number;
  readonly tags: readonly string[];
}

/** A copy as it is at this moment, for a clone to write to: the copy itself stays as it is. */
export const snapshotCopy: StepKind<"snapshot-copy", SnapshotCopy> = {
  kind: "snapshot-copy",
  risk: "safe",
  requires: () => ["lvcreate", "lvremove"],
  title: ({ origin, snapshot, bytes }) =>
    `Snapshot the copy ${origin} as ${snapshot}${bytes === undefined ? ", thin" : `, ${formatBytes(bytes)} for what the clone writes`}`,
  actions: ({ origin, snapshot, bytes, tags }) => {
    const name = snapshot.slice(snapshot.indexOf("/") + 1);
    const size = bytes === undefined ? ["--setactivationskip", "n"] : ["--size", lvmSize(bytes)];
    return [
      { command: ["lvcreate", "--yes", "--snapshot", ...size, ...tags.flatMap((tag) => ["--addtag", tag]), "--name", name, origin] },
    ];
  },
  goals: ({ origin, snapshot, tags }) => [{ goal: "snapshot-exists", volume: snapshot, origin, tags }],
  effect: ({ origin, snapshot, bytes, extentBytes, tags }, model) => {
    const [group = ""] = snapshot.split("/");
    const made = withVolume(model, {
      name: snapshot as `${string}/${string}`, uuid: `new:${snapshot}`, kind: "snapshot", bytes: bytes ?? 0, tags,
      active: true, open: false, holders: [], origin: origin as `${string}/${string}`, dataPercent: 0,
    });
    const spent = withFreeExtents(made, group, -(bytes ?? 0) / extentBytes);
    const copy = spent.ghost.disks[origin];
    return copy === undefined ? spent : withDisk(spent, snapshot, copy);
  },
  undo: ({ origin, snapshot, tags }) => ({
    when: [{ goal: "snapshot-exists", volume: snapshot, origin, tags }],
    actions: [{ command: ["lvremove", "--yes", snapshot] }],
    effect: (model) => removeSnapshot.effect({ snapshot, tags }, model),
  }),
};
