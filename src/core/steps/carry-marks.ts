import { CARRY_BEGUN, CARRY_DONE } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import { withDisk, withVolume } from "../model/transform.js";

export interface MarkCarry {
  readonly volume: string;
  /** Key of the model. */
  readonly image: string;
}

/**
 * From here on the image is neither what it was nor what it shall be. The mark lies on the volume, which holds
 * everything all the while, and nothing takes it away but a carry that came to its end.
 */
export const markCarrying: StepKind<"mark-carrying", MarkCarry> = {
  kind: "mark-carrying",
  risk: "safe",
  requires: ["lvchange"],
  title: ({ volume, image }) => `Mark ${volume}: its writes are being carried to ${image}`,
  actions: ({ volume }) => [{ command: ["lvchange", "--deltag", CARRY_DONE, "--addtag", CARRY_BEGUN, volume] }],
  goals: ({ volume }) => [{ goal: "volume-tagged", volume, tags: [CARRY_BEGUN] }],
  effect: ({ volume, image }, model) => {
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    const marked = withVolume(model, { ...found, tags: [...found.tags.filter((tag) => tag !== CARRY_DONE), CARRY_BEGUN] });
    const ghost = model.ghost.disks[image];
    return ghost === undefined ? marked : withDisk(marked, image, { ...ghost, consistent: false });
  },
};

/** Image and volume hold the same. The guest is down; if it is to go on on its volume, that ends here. */
export const markCarried: StepKind<"mark-carried", MarkCarry> = {
  kind: "mark-carried",
  risk: "safe",
  requires: ["lvchange"],
  title: ({ volume, image }) => `Mark ${volume}: ${image} holds the same`,
  actions: ({ volume }) => [{ command: ["lvchange", "--deltag", CARRY_BEGUN, "--addtag", CARRY_DONE, volume] }],
  goals: ({ volume }) => [{ goal: "volume-tagged", volume, tags: [CARRY_DONE] }],
  effect: ({ volume }, model) => retagged(model, volume, CARRY_BEGUN, CARRY_DONE),
  undo: ({ volume }) => ({
    when: [{ goal: "volume-tagged", volume, tags: [CARRY_DONE] }],
    actions: [{ command: ["lvchange", "--deltag", CARRY_DONE, "--addtag", CARRY_BEGUN, volume] }],
    effect: (model) => retagged(model, volume, CARRY_DONE, CARRY_BEGUN),
  }),
};

function retagged(model: Parameters<typeof withVolume>[0], volume: string, from: string, to: string): typeof model {
  const found = model.host.volumes[volume];
  if (found === undefined) return model;
  return withVolume(model, { ...found, tags: [...found.tags.filter((tag) => tag !== from), to] });
}
