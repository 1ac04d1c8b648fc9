import { formatBytes } from "../model/bytes.js";
import { holdsBack } from "../model/guest.js";
import { withDisk, withFreeExtents, withVolume, withoutVolume } from "../model/transform.js";
import type { Command } from "../model/command.js";
import type { Model } from "../model/model.js";
import type { Step, StepKind, Undo } from "../model/step.js";
import { lvmSize } from "./lvm-size.js";
import { plannedUuid } from "../model/storage.js";

export interface CreateSnapshot extends TakenSnapshot {
  /** Path of the file system on the origin, flushed first: the snapshot's own journal replay needs little then. */
  readonly mountpoint: string;
  /** Images on it that are read from this snapshot. */
  readonly images: readonly string[];
}

/** A copy-on-write snapshot of the volume that holds images, as it is at this moment. */
export const createSnapshot: StepKind<"create-snapshot", CreateSnapshot> = {
  kind: "create-snapshot",
  risk: "safe",
  requires: ["lvcreate", "lvremove", "sync"],
  modules: ["dm_snapshot"],
  title: ({ origin, snapshot, bytes }) =>
    `Snapshot ${origin} as ${snapshot}${bytes === undefined ? ", thin" : `, ${formatBytes(bytes)} for changes`}`,
  actions: ({ origin, snapshot, bytes, tags, mountpoint }) => {
    return [
      { command: ["sync", "--file-system", mountpoint] },
      { verb: ["take_snapshot", origin], command: takingOf({ origin, snapshot, tags, ...(bytes === undefined ? {} : { bytes }) }) },
    ];
  },
  goals: ({ origin, snapshot, tags }) => [{ goal: "snapshot-exists", volume: snapshot, origin, tags }],
  effect: ({ images, ...taken }, model) => {
    const { snapshot } = taken;
    // what the snapshot holds of each image: all that was flushed to it, and files whose times run ahead of
    // it where the guest holds data back
    return images.reduce((at, image) => {
      const live = at.ghost.disks[image];
      return live === undefined ? at : withDisk(at, snapshotImage(snapshot, image), { ...live, deceptive: live.deceptive || holdsBack(at, image) });
    }, withTaken(taken, model));
  },
  undo: takenBack,
};

/** A snapshot, whatever it is taken for. */
export interface TakenSnapshot {
  readonly origin: string;
  readonly snapshot: string;
  /** Room for what differs from the origin; undefined for a thin origin, whose snapshots take from the pool. */
  readonly bytes?: number;
  readonly extentBytes: number;
  readonly tags: readonly string[];
}

/** The volumes that snapshots are taken of, of images or of copies for a clone. */
export function originsOf(steps: readonly Step[]): ReadonlySet<string> {
  return new Set(steps.filter(({ kind }) => kind === "create-snapshot" || kind === "snapshot-copy").map(({ args }) => (args as TakenSnapshot).origin));
}

/** The command that takes a snapshot, of a classic volume (which needs room for it) or of a thin one. */
export function takingOf({ origin, snapshot, bytes, tags }: Omit<TakenSnapshot, "extentBytes">): Command {
  const size = bytes === undefined ? ["--setactivationskip", "n"] : ["--size", lvmSize(bytes)];
  return [
    "lvcreate", "--yes", "--snapshot", ...size, ...tags.flatMap((tag) => ["--addtag", tag]),
    "--name", snapshot.slice(snapshot.indexOf("/") + 1), origin,
  ];
}

/** The model with it, as a volume: what it holds is for whoever takes it to say. */
export function withTaken({ origin, snapshot, bytes, extentBytes, tags }: TakenSnapshot, model: Model): Model {
  const [group = ""] = snapshot.split("/");
  const made = withVolume(model, {
    name: snapshot as `${string}/${string}`, uuid: plannedUuid(snapshot), kind: "snapshot", bytes: bytes ?? 0, tags,
    active: true, open: false, holders: [], origin: origin as `${string}/${string}`, dataPercent: 0,
  });
  return withFreeExtents(made, group, -(bytes ?? 0) / extentBytes);
}

/** The undo of every step that takes a snapshot: it goes, if it is the one that was taken. */
export function takenBack({ origin, snapshot, tags }: Pick<TakenSnapshot, "origin" | "snapshot" | "tags">): Undo {
  return {
    when: [{ goal: "snapshot-exists", volume: snapshot, origin, tags }],
    actions: [{ command: ["lvremove", "--yes", snapshot] }],
    effect: (model) => removeSnapshot.effect({ snapshot, tags }, model),
  };
}

/** Key of an image as a snapshot holds it, in the model. */
export function snapshotImage(snapshot: string, image: string): string {
  return `${snapshot}:${image}`;
}

export interface RemoveSnapshot {
  readonly snapshot: string;
  readonly tags: readonly string[];
}

export const removeSnapshot: StepKind<"remove-snapshot", RemoveSnapshot> = {
  kind: "remove-snapshot",
  risk: "safe",
  requires: ["lvremove"],
  title: ({ snapshot }) => `Remove ${snapshot}`,
  actions: ({ snapshot }) => [{ command: ["lvremove", "--yes", snapshot] }],
  goals: ({ snapshot, tags }) => [{ goal: "volume-absent", volume: snapshot, tags }],
  effect: ({ snapshot }, model) => {
    const volume = model.host.volumes[snapshot];
    const [group = ""] = snapshot.split("/");
    const extentBytes = model.host.volumeGroups[group]?.extentBytes ?? 1;
    const disks = Object.fromEntries(
      Object.entries(model.ghost.disks).filter(([key]) => !key.startsWith(`${snapshot}:`)),
    );
    const freed = withFreeExtents(model, group, (volume?.bytes ?? 0) / extentBytes);
    return withoutVolume({ ...freed, ghost: { ...freed.ghost, disks } }, snapshot);
  },
};
