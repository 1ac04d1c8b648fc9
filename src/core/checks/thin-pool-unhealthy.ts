import { stepsOf } from "../model/plan.js";
import { originsOf } from "../steps/snapshot.js";
import type { Check } from "./check.js";

export const thinPoolUnhealthy: Check = {
  code: "thin-pool-unhealthy",
  about: "a thin pool that has failed, or of which nobody knows how full it is, takes no snapshot",
  run: ({ nodes, state, desired }) =>
    [...originsOf(stepsOf(nodes))].flatMap((name) => {
      const volume = state.volumes[name];
      if (volume?.pool === undefined) return [];
      const pool = state.volumes[volume.pool];
      const health = pool?.health ?? volume.health;
      if (health === undefined && pool?.dataPercent !== undefined) return [];
      return [
        {
          at: desired.at,
          summary: health === undefined ? `how full thin pool ${volume.pool} is could not be read` : `thin pool ${volume.pool} is not well: ${health}`,
          fix: health === undefined
            ? `See what 'lvs ${volume.pool}' says, and activate the pool.`
            : "Repair it first (lvmthin(7)): a snapshot takes from it.",
        },
      ];
    }),
};
