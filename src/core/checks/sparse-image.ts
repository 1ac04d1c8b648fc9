import { formatBytes } from "../model/bytes.js";
import { quoteCommand } from "../model/command.js";
import { strategyFor } from "../strategies/strategy-of.js";
import type { Check } from "./check.js";

export const sparseImage: Check = {
  code: "sparse-image",
  about: "md fails a guest's further writes for good once its image could not take one, and the file system below a sparse one may fill up",
  run: ({ moves, choices, domain }) => {
    // nobody writes to the disks of a guest that is down
    if (domain.running === undefined) return [];
    return moves
      .filter(({ image }) => image.allocatedBytes < image.bytes)
      .flatMap((move) => {
        const fails = strategyFor(move.vdev, choices)?.failsOnFull;
        return fails === undefined ? [] : [{ ...move, fails }];
      })
      .map(({ image, vdev, wish, fails }) => ({
        vdev, at: wish.at,
        summary: `${image.path} is sparse (${formatBytes(image.allocatedBytes)} of ${formatBytes(image.bytes)}): were its file system to fill up, ${fails} would fail all writes of ${domain.name}`,
        detail: `it is to take ${formatBytes(image.bytes - image.allocatedBytes)} more at most; after one write that has no room there, before the guest is on its volume, ` +
          `${fails} fails every further one until the guest is restarted`,
        fix: `Fill its holes before (\`${quoteCommand(["fallocate", "--length", String(image.bytes), image.path])}\`, also while the guest runs), or take \`strategy: dm\`.`,
      }));
  },
};
