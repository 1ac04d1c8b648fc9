import { mappingPath } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";

export interface TryBitmap {
  /** An array for this alone. */
  readonly name: string;
}

/**
 * The whole matter in small, on two files of this run's own: an array of one of them with a bitmap, writes, and the second one
 * taken in. What was written has to arrive, and a chunk that nobody wrote to, and that was spoilt on purpose, has to stay
 * spoilt: else this mdadm, or this kernel, does not go by the bitmap.
 */
export const tryBitmap: StepKind<"try-bitmap", TryBitmap> = {
  kind: "try-bitmap",
  risk: "safe",
  requires: ["mdadm", "losetup", "dd", "cmp"],
  title: () => "Try on two scratch files whether md copies what its bitmap names, and nothing else",
  actions: ({ name }) => [
    {
      verb: ["try_bitmap", name],
      shown: `losetup --find for two files of 4 MiB, mdadm --build ${mappingPath(name)} on the first, with a bitmap; dd to it; ` +
        `mdadm --re-add the second; mdadm --stop, losetup --detach, compare, remove both`,
    },
  ],
  goals: () => [],
  temporary: true,
  effect: (_args, model) => model,
  undo: ({ name }) => ({
    when: [],
    actions: [{ verb: ["end_trial", name], shown: `mdadm --stop ${mappingPath(name)}; losetup --detach; remove both files` }],
    effect: (model) => model,
  }),
};
