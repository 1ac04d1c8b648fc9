import { volumePath } from "../model/names.js";
import { withVolume } from "../model/transform.js";
import type { StepKind } from "../model/step.js";

export interface ZeroVolume {
  readonly volume: string;
}

export const ZEROED = "converge.zeroed";

/**
 * Zeroes a volume of ours: extents that LVM hands out again held an older, bootable guest once (seen), and what
 * another guest wrote must not be readable in this one. `blkdiscard --zeroout` lets the device do it where it can.
 */
export const zeroVolume: StepKind<"zero-volume", ZeroVolume> = {
  kind: "zero-volume",
  risk: "safe",
  requires: () => ["blkdiscard", "lvchange"],
  title: ({ volume }) => `Zero ${volume}`,
  actions: ({ volume }) => [
    { command: ["blkdiscard", "--zeroout", volumePath(volume)] },
    { command: ["lvchange", "--addtag", ZEROED, volume] },
  ],
  goals: ({ volume }) => [{ goal: "volume-tagged", volume, tags: [ZEROED] }],
  effect: ({ volume }, model) => {
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    return withVolume(model, { ...found, tags: [...found.tags, ZEROED], content: { type: "blank" } });
  },
};
