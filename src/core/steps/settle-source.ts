import type { StepKind } from "../model/step.js";
import type { Model } from "../model/model.js";
import type { Image } from "../model/storage.js";

export interface RetireImage {
  /** The file itself, no link to it. */
  readonly path: string;
  readonly retired: string;
}

/** The old image gets a name under which nothing starts it by mistake; its content stays. */
export const retireImage: StepKind<"retire-image", RetireImage> = {
  kind: "retire-image",
  risk: "safe",
  requires: () => ["mv"],
  title: ({ path, retired }) => `Retire ${path} as ${retired}`,
  actions: ({ path, retired }) => [{ command: ["mv", "--no-clobber", "--", path, retired] }],
  goals: ({ path, retired }) => [{ goal: "file-absent", path }, { goal: "file-exists", path: retired }],
  effect: ({ path, retired }, model) => {
    const image = Object.values(model.host.images).find((found) => found.realPath === path);
    return image === undefined ? model : withImages(model, image.path, { ...image, path: retired, realPath: retired });
  },
};

export interface DeleteImage {
  /** The file itself, no link to it. */
  readonly path: string;
}

export const deleteImage: StepKind<"delete-image", DeleteImage> = {
  kind: "delete-image",
  risk: "destructive",
  requires: () => ["rm"],
  title: ({ path }) => `Delete ${path}`,
  actions: ({ path }) => [{ command: ["rm", "--", path] }],
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
