import { strategyFor } from "../strategies/strategy-of.js";
import type { Check } from "./check.js";

export const notOnLvm: Check = {
  code: "image-not-on-lvm",
  about: "only a snapshot lets files be copied while their guest runs, and only LVM makes one here",
  run: ({ moves, choices, domain, options }) => {
    if (domain.running === undefined || options.offline === true) return [];
    return moves
      .filter((m) => m.image.on === undefined && strategyFor(m.vdev, choices)?.snapshots === true)
      .map(({ image, vdev, wish }) => ({
        vdev, at: wish.at,
        summary: `${image.path} lies on no LVM volume, so no snapshot of it can be taken while ${domain.name} runs`,
        fix: "Set `move.offline: true` to have the guest down for the whole copy.",
      }));
  },
};
