import { stepsOf } from "../model/plan.js";
import { originsOf } from "../steps/snapshot.js";
import type { Check } from "./check.js";

/** A pool fuller than this may fill up from a snapshot's copies; when it is full, every volume in it fails. */
const LIMIT_PERCENT = 80;

export const thinPool: Check = {
  code: "thin-pool-full",
  about: "a thin pool without headroom fails all its volumes when it fills up",
  // a guest writes to its image whatever is done, and a copy's volume takes nothing from a pool
  run: ({ nodes, state, desired }) => {
    const pools = new Set([...originsOf(stepsOf(nodes))].flatMap((origin) => state.volumes[origin]?.pool ?? []));
    return [...pools].flatMap((name) => {
      const pool = state.volumes[name];
      const fill = Math.max(pool?.dataPercent ?? 0, pool?.metadataPercent ?? 0);
      return fill <= LIMIT_PERCENT
        ? []
        : [{ at: desired.at, summary: `thin pool ${name} is ${fill} % full`, fix: "Extend it first: a snapshot takes from it." }];
    });
  },
};
