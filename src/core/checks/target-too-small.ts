import { formatBytes } from "../model/bytes.js";
import { stepsOf } from "../model/plan.js";
import { usedBytes } from "../model/used-bytes.js";
import type { Check } from "./check.js";

/** Inode tables and journal of a new ext4 take up to about this share of it. */
const OVERHEAD = 1.05;

export const targetTooSmall: Check = {
  code: "target-too-small",
  about: "a volume must hold what is in the source's file system",
  run: ({ moves, nodes }) => {
    // where blocks are carried, the strategy itself asks for a volume as large as the disk
    if (!stepsOf(nodes).some((step) => step.kind === "make-filesystem")) return [];
    return moves.flatMap(({ image, to, vdev, wish }) => {
      const swap = image.content.type === "swap";
      const needed = swap ? 0 : Math.ceil(usedBytes(image) * OVERHEAD);
      if (to.bytes >= needed) return [];
      return [
        {
          vdev, at: wish.at,
          summary: `${to.volume} would have ${formatBytes(to.bytes)}, and ${image.path} holds ${formatBytes(usedBytes(image))}`,
          detail: `with the file system's own tables it takes about ${formatBytes(needed)}`,
          fix: "Ask for a larger size, or leave `size` out: then the volume is as large as the image.",
        },
      ];
    });
  },
};
