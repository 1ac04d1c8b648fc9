import type { MoveDisk } from "../model/change.js";
import { strategyFor } from "../strategies/strategy-of.js";
import type { Strategy } from "../strategies/strategy.js";
import type { Check } from "./check.js";

/** Of a loop device, and so of every disk in a file, whatever lies below. */
const SECTOR_OF_IMAGES = 512;

export const sectorSize: Check = {
  code: "sector-size",
  about: "a guest that has had sectors of 512 bytes does not find its partitions and file systems on a volume with larger ones",
  run: ({ moves, choices, state }) =>
    moves.flatMap((move) => {
      const { to, vdev, wish, domain } = move;
      const sector = state.volumeGroups[to.group]?.sectorBytes ?? SECTOR_OF_IMAGES;
      const strategy = strategyFor(vdev, choices);
      const why = sector > SECTOR_OF_IMAGES ? against(move, strategy, sector) : undefined;
      if (why === undefined) return [];
      return [
        {
          vdev, at: wish.at,
          summary: `volumes of ${to.group} have sectors of ${sector} bytes, and ${vdev} of ${domain} has had ${SECTOR_OF_IMAGES}`,
          detail: why,
          fix: strategy?.carries === "files"
            ? "Choose a volume group on disks with sectors of 512 bytes."
            : `Choose a volume group on disks with sectors of 512 bytes, or \`strategy: rsync\`, where the disk is one file system with blocks of at least ${sector} bytes.`,
        },
      ];
    }),
};

/** Why the guest would not find what it has; undefined where it would, or where nothing is chosen. */
function against({ image: { content } }: MoveDisk, strategy: Strategy | undefined, sector: number): string | undefined {
  if (strategy === undefined || strategy.carries === "nothing") return undefined;
  if (strategy.carries === "blocks") return "blocks go as they are: partition tables count in sectors, and so do some file systems";
  const least = "features" in content && "s.size" in content.features ? content.features["s.size"] : undefined;
  const smallest = Math.min(least ?? Infinity, "blockBytes" in content ? content.blockBytes : Infinity);
  return smallest < sector ? `its ${content.type} is made anew as it is, in units of ${smallest} bytes` : undefined;
}
