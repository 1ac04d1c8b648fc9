import type { Check } from "./check.js";

/** A pool fuller than this may fill up from a snapshot's copies; when it is full, every volume in it fails. */
const LIMIT_PERCENT = 80;

export const thinPool: Check = {
  code: "thin-pool-full",
  about: "a thin pool without headroom fails all its volumes when it fills up",
  run: ({ moves, state, desired }) => {
    const pools = new Set(moves.flatMap(({ image }) => (image.on === undefined ? [] : state.volumes[image.on.volume]?.pool ?? [])));
    return [...pools].flatMap((name) => {
      const pool = state.volumes[name];
      const fill = Math.max(pool?.dataPercent ?? 0, pool?.metadataPercent ?? 0);
      return fill <= LIMIT_PERCENT
        ? []
        : [{ at: desired.at, summary: `thin pool ${name} is ${fill} % full`, fix: "Extend it first: a snapshot takes from it." }];
    });
  },
};
