import { retiredName } from "../strategies/settle.js";
import type { Check } from "./check.js";

export const retiredNameTaken: Check = {
  code: "retired-name-taken",
  about: "no file is overwritten by an image that is retired: with its name taken the run would be stuck behind its commit",
  run: ({ moves, options, state }) =>
    moves.flatMap(({ image, vdev, wish }) => {
      if ((wish.move.source ?? options.source) !== "retire") return [];
      const name = retiredName(image.realPath);
      if (!Object.hasOwn(state.images, name)) return [];
      return [
        {
          vdev, at: wish.at, summary: `${name} is there already, and ${image.path} is to have that name when it is retired`,
          fix: "Remove it if nobody needs it (converge gc does so when it is past its time), or say `source: keep`.",
        },
      ];
    }),
};
