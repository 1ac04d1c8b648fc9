import { isOwnPath, mappingAt } from "../model/mapping.js";
import { sameVdev } from "../xl/vdev.js";
import type { Check } from "./check.js";

export const mirrorLeftOut: Check = {
  code: "mirror-left-out",
  about: "a guest that stays on the devices over its images, to be mirrored there, can not stay on one of a disk that is not mirrored",
  run: ({ domain, moves, desired, state }) => {
    const own = (domain.running?.attached ?? []).filter(({ params }) => isOwnPath(params));
    // one that has yet to be taken onto a device of some disk leaves all others by that
    if (moves.length === 0 || !moves.every(({ vdev }) => own.some((disk) => sameVdev(disk.vdev, vdev)))) return [];
    const left = own.filter(({ vdev, params }) => {
      const table = mappingAt(params, state)?.table;
      return table?.kind === "linear" && table.on.startsWith("/") && !moves.some((move) => sameVdev(move.vdev, vdev));
    });
    return left.map(({ vdev, params }) => ({
      vdev, at: desired.at,
      summary: `an earlier run took ${domain.name} onto ${params} for ${vdev} too, and that disk is not to be moved now`,
      detail: "the guest is not taken anywhere while the others are mirrored, and that device would be nobody's to look after",
      fix: `Name ${vdev} as well: both go on from there. Or shut ${domain.name} down and start it from its config: it comes up on its images.`,
    }));
  },
};
