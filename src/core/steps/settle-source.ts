import type { Action, StepKind } from "../model/step.js";
import type { Model } from "../model/model.js";
import type { Image } from "../model/storage.js";

/**
 * What a file has to be still, where it is given up by a later run than the one that moved its guest: long after it was looked at, and
 * nobody watches it meanwhile.
 */
export interface LookedAt {
  readonly domain: string;
  readonly inode: number;
  readonly devno: string;
}

function lookingAt(path: string, looked: LookedAt | undefined): readonly Action[] {
  if (looked === undefined) return [];
  return [
    { verb: ["guard_image", path, String(looked.inode), "-", looked.devno], shown: `${path} is the same file` },
    { verb: ["guard_free", path, looked.domain], shown: `nobody but ${looked.domain} has ${path} open` },
  ];
}

const LOOKS = ["stat", "losetup", "find"] as const;

export interface RetireImage {
  readonly domain: string;
  readonly vdev: string;
  /** The volume that the guest is on now. */
  readonly volume: string;
  /** The file itself, no link to it. */
  readonly path: string;
  readonly retired: string;
  /** As the playbook says: whoever removes it without that playbook goes by the books. */
  readonly keepForSeconds?: number;
  readonly looked?: LookedAt;
}

/** The old image gets a name under which nothing starts it by mistake; its content stays. */
export const retireImage: StepKind<"retire-image", RetireImage> = {
  kind: "retire-image",
  risk: "safe",
  requires: ["mv", ...LOOKS],
  needs: ({ looked }) => ["mv", ...(looked === undefined ? [] : LOOKS)],
  title: ({ path, retired }) => `Retire ${path} as ${retired}`,
  actions: ({ domain, vdev, volume, path, retired, keepForSeconds, looked }) => [
    ...lookingAt(path, looked),
    {
      verb: ["retire_image", domain, vdev, volume, path, retired, ...(keepForSeconds === undefined ? [] : [wholeSeconds(keepForSeconds)])],
      command: ["mv", "--no-clobber", "--", path, retired],
    },
  ],
  goals: ({ path, retired }) => [{ goal: "file-absent", path }, { goal: "file-exists", path: retired }],
  effect: ({ domain, vdev, volume, path, retired, keepForSeconds }, model) => {
    const kept = keepForSeconds === undefined ? {} : { keepForSeconds };
    const noted = [...(model.host.retired ?? []), { domain, vdev, volume, path, retired, at: 0, ...kept }];
    const booked = { ...model, host: { ...model.host, retired: noted } };
    return renamed(booked, path, { path: retired, realPath: retired });
  },
};

/** In digits, however many: a number with an exponent is none to the runtime, which would write down that it need not be kept. */
function wholeSeconds(seconds: number): string {
  return String(Math.min(Math.ceil(seconds), Number.MAX_SAFE_INTEGER));
}

export interface RestoreImage {
  /** The file's name while it is retired, and the one that it gets back. */
  readonly retired: string;
  readonly path: string;
  /** As configs name it, which may be by way of links. */
  readonly known: string;
}

/** A retired image gets its name back: its guest goes back to it. */
export const restoreImage: StepKind<"restore-image", RestoreImage> = {
  kind: "restore-image",
  risk: "safe",
  requires: ["mv"],
  title: ({ path, retired }) => `Give ${retired} its name back: ${path}`,
  actions: ({ path, retired }) => [{ command: ["mv", "--no-clobber", "--", retired, path] }],
  goals: ({ path, retired }) => [{ goal: "file-absent", path: retired }, { goal: "file-exists", path }],
  effect: ({ path, retired, known }, model) => renamed(model, retired, { path: known, realPath: path }),
  undo: ({ path, retired }) => ({
    when: [{ goal: "file-exists", path }, { goal: "file-absent", path: retired }],
    actions: [{ command: ["mv", "--no-clobber", "--", path, retired] }],
    effect: (model) => renamed(model, path, { path: retired, realPath: retired }),
  }),
};

/** The file under another name: what it holds goes along. */
function renamed(model: Model, from: string, to: Pick<Image, "path" | "realPath">): Model {
  const image = Object.values(model.host.images).find((found) => found.realPath === from);
  if (image === undefined) return model;
  const moved = withImages(model, image.path, { ...image, ...to });
  const { [image.path]: ghost, ...disks } = moved.ghost.disks;
  return { ...moved, ghost: { ...moved.ghost, disks: ghost === undefined ? disks : { ...disks, [to.path]: ghost } } };
}

export interface DeleteImage {
  /** The file itself, no link to it. */
  readonly path: string;
  readonly looked?: LookedAt;
}

export const deleteImage: StepKind<"delete-image", DeleteImage> = {
  kind: "delete-image",
  risk: "destructive",
  requires: ["rm", ...LOOKS],
  needs: ({ looked }) => ["rm", ...(looked === undefined ? [] : LOOKS)],
  title: ({ path }) => `Delete ${path}`,
  actions: ({ path, looked }) => [...lookingAt(path, looked), { command: ["rm", "--", path] }],
  goals: ({ path }) => [{ goal: "file-absent", path }],
  effect: ({ path }, model) => {
    const image = Object.values(model.host.images).find((found) => found.realPath === path);
    return image === undefined ? model : withImages(model, image.path, undefined);
  },
};

function withImages(model: Model, gone: string, come: Image | undefined): Model {
  const { [gone]: _gone, ...images } = model.host.images;
  return { ...model, host: { ...model.host, images: come === undefined ? images : { ...images, [come.path]: come } } };
}
