import { volumePath } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import { withDisk } from "../model/transform.js";

export interface CopyBlocks {
  readonly volume: string;
  /** The file itself, links resolved. */
  readonly path: string;
  /** Key of the model. */
  readonly image: string;
}

/**
 * All of a volume into a file, which becomes as large as the volume and stays sparse. Read past Dom0's cache, which
 * knows nothing of what a guest wrote through blkback.
 */
export const copyBlocks: StepKind<"copy-blocks", CopyBlocks> = {
  kind: "copy-blocks",
  risk: "destructive",
  requires: ["dd"],
  title: ({ volume, path }) => `Copy all blocks of ${volume} to ${path}`,
  actions: ({ volume, path }) => [
    { command: ["dd", `if=${volumePath(volume)}`, `of=${path}`, "bs=4M", "iflag=direct", "conv=sparse,fsync", "status=none"] },
  ],
  goals: () => [],
  effect: ({ volume, image }, model) => {
    const from = model.host.volumes[volume];
    const to = model.host.images[image];
    const ghost = model.ghost.disks[volume];
    if (from === undefined || to === undefined || ghost === undefined) return model;
    const copied = { ...to, bytes: from.bytes, content: from.content ?? to.content };
    const host = { ...model.host, images: { ...model.host.images, [image]: copied } };
    return withDisk({ ...model, host }, image, ghost);
  },
};

/** Reads both to their ends: what differs in a byte, or in length, is not switched to. */
export const compareBlocks: StepKind<"compare-blocks", CopyBlocks> = {
  kind: "compare-blocks",
  risk: "safe",
  requires: ["cmp"],
  title: ({ volume, path }) => `Compare ${path} with ${volume}, byte for byte`,
  actions: ({ volume, path }) => [{ command: ["cmp", "--", volumePath(volume), path] }],
  goals: () => [],
  effect: (_args, model) => model,
};
