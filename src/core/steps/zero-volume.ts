import { FILLS, volumePath } from "../model/names.js";
import type { Fill } from "../model/names.js";
import { withDisk, withVolume } from "../model/transform.js";
import type { StepKind } from "../model/step.js";

export interface ZeroVolume {
  readonly volume: string;
  /** What it is to be filled with from here on. */
  readonly fill: Fill;
}

/**
 * Zeroes a volume of ours: extents that LVM hands out again held an older, bootable guest once (seen), and what
 * another guest wrote must not be readable in this one. `blkdiscard --zeroout` lets the device do it where it can. What an
 * earlier run began to fill in another way goes too: half an image's blocks have its superblock, and look like a whole
 * file system (seen, after a power cut in mid-mirror).
 */
export const zeroVolume: StepKind<"zero-volume", ZeroVolume> = {
  kind: "zero-volume",
  risk: "safe",
  requires: () => ["blkdiscard", "lvchange"],
  title: ({ volume }) => `Zero ${volume}`,
  actions: ({ volume, fill }) => [
    { command: ["blkdiscard", "--zeroout", volumePath(volume)] },
    { command: ["lvchange", "--deltag", FILLS[other(fill)], "--addtag", FILLS[fill], volume] },
  ],
  goals: ({ volume, fill }) => [{ goal: "volume-tagged", volume, tags: [FILLS[fill]] }],
  effect: ({ volume, fill }, model) => {
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    const tags = [...found.tags.filter((tag) => tag !== FILLS[other(fill)]), FILLS[fill]];
    return withDisk(withVolume(model, { ...found, tags, content: { type: "blank" } }), volume, { writes: -1, deceptive: false, consistent: false });
  },
};

function other(fill: Fill): Fill {
  return fill === "files" ? "blocks" : "files";
}
