import { formatApart, formatBytes } from "../model/bytes.js";
import { inodesFor, leastBytesOf } from "../model/inodes.js";
import { stepsOf } from "../model/plan.js";
import type { Content } from "../model/storage.js";
import { usedBytes } from "../model/used-bytes.js";
import type { Check } from "./check.js";

/** Inode tables and journal of a new ext4 take up to about this share of it. */
const OVERHEAD = 1.05;

/** Those of an image may be holes in it, and those of the new file system are not. */
function tablesOf(content: Content, bytes: number): number {
  return "inodes" in content ? Math.ceil(leastBytesOf(inodesFor(bytes, content), content) * OVERHEAD) : 0;
}

export const targetTooSmall: Check = {
  code: "target-too-small",
  about: "a volume must hold what is in the source's file system",
  run: ({ moves, nodes }) => {
    // where blocks are carried, the strategy itself asks for a volume as large as the disk
    if (!stepsOf(nodes).some((step) => step.kind === "make-filesystem")) return [];
    return moves.flatMap(({ image, to, vdev, wish }) => {
      const { content } = image;
      const needed = content.type === "swap" ? 0 : Math.max(Math.ceil(usedBytes(image) * OVERHEAD), tablesOf(content, to.bytes));
      if (to.bytes >= needed) return [];
      const [has, takes] = formatApart(to.bytes, needed);
      return [
        {
          vdev, at: wish.at,
          summary: `${to.volume} would have ${has}, and ${image.path} holds ${formatBytes(usedBytes(image))}`,
          detail: `with the file system's own tables it takes about ${takes}`,
          fix: "Ask for a larger size, or leave `size` out: then the volume is as large as the image.",
        },
      ];
    });
  },
};
