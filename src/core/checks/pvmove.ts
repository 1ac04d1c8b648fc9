import { groupsOf } from "./check.js";
import type { Check } from "./check.js";

export const pvmove: Check = {
  code: "pvmove-running",
  about: "extents on the move, and a snapshot of them, do not go together",
  run: ({ moves, estimate, state, desired }) =>
    [...groupsOf({ moves, estimate })].flatMap((group) => {
      const vg = state.volumeGroups[group];
      if (vg?.pvmove === true) {
        return [{ at: desired.at, summary: `a pvmove is running in ${group}`, fix: "Wait until it is done." }];
      }
      if ((vg?.missingPvs ?? 0) > 0) {
        return [
          {
            at: desired.at, summary: `${group} misses ${vg?.missingPvs ?? 0} of its physical volumes`,
            fix: "Repair the volume group first: LVM changes nothing in it as it is.",
          },
        ];
      }
      return [];
    }),
};
