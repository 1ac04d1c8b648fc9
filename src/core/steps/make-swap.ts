import { volumePath } from "../model/names.js";
import type { SwapContent } from "../model/storage.js";
import type { StepKind } from "../model/step.js";
import { withDisk, withVolume } from "../model/transform.js";

export interface MakeSwap {
  readonly volume: string;
  readonly bytes: number;
  readonly like: SwapContent;
}

/** A new swap area with the old one's UUID and label. What was swapped out dies with the guest's memory anyway. */
export const makeSwap: StepKind<"make-swap", MakeSwap> = {
  kind: "make-swap",
  risk: "safe",
  requires: ["mkswap", "blkid"],
  title: ({ volume, like }) => `Make swap on ${volume}, UUID ${like.uuid}`,
  actions: ({ volume, like }) => {
    const label = like.label === "" ? [] : ["--label", like.label];
    const uuid = like.uuid === "" ? [] : ["--uuid", like.uuid];
    return [{ command: ["mkswap", "--pagesize", String(like.pageBytes), ...uuid, ...label, volumePath(volume)] }];
  },
  goals: ({ volume, like }) => [{ goal: "content", volume, type: "swap", uuid: like.uuid }],
  effect: ({ volume, bytes, like }, model) => {
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    const made = withVolume(model, { ...found, content: { ...like, bytes } });
    // nothing in a swap area has to survive the guest's restart: it holds every write that counts
    return withDisk(made, volume, { writes: Number.MAX_SAFE_INTEGER, deceptive: false, consistent: true });
  },
};
