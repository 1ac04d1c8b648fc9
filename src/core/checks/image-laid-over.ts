import type { MoveOptions } from "../model/desired.js";
import type { HostState } from "../model/host-state.js";
import type { Image } from "../model/storage.js";
import type { Check, Finding } from "./check.js";
import { layeredDisks } from "./layered.js";

export const imageLaidOver: Check = {
  code: "image-laid-over",
  about: "an image is not given up where a disk of a guest that is down may be laid over it: that one would lose what it has of it",
  run: ({ moves, options, state }) =>
    moves.flatMap(({ image, vdev, wish }) => {
      const problem = laidOver(image, wish.move.source ?? options.source, state);
      return problem === undefined ? [] : [{ vdev, at: wish.at, ...problem }];
    }),
};

/** What there is to say of an image that is to be given up, by this run or a later one; undefined where it stays, or nobody needs it. */
export function laidOver(
  image: Image, source: MoveOptions["source"], state: HostState,
): Required<Pick<Finding, "summary" | "detail" | "fix">> | undefined {
  if (source === undefined || source === "keep") return undefined;
  const disks = layeredDisks(state, image);
  if (disks.length === 0) return undefined;
  return {
    summary: `a disk of a guest may be laid over ${image.path}, and source: ${source} would take that from under it`,
    detail: disks.join("\n"), fix: "Say `source: keep`, or find out what those disks are laid over.",
  };
}
