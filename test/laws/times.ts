import { seeded } from "./world.js";
import type { WalkOptions } from "./walk.js";

/** How many times as many hosts are looked at: `npm run laws` says so, and `npm test` looks at a share. */
export const TIMES = Number(process.env["LAWS_TIMES"] ?? "1");
const SEED = process.env["LAWS_SEED"] === undefined ? {} : { seed: Number(process.env["LAWS_SEED"]) };

/** What of that `npm test` looks at, to be quick. */
const SHARE = Number(process.env["LAWS_SHARE"] ?? "1");

/** What fast-check is told: so many hosts, as often as is asked for. */
export const runs = (numRuns: number): { readonly numRuns: number; readonly seed?: number } =>
  ({ numRuns: Math.max(1, Math.round(numRuns * TIMES * SHARE)), ...SEED });

/** A seeded share of all ways to be cut short, or with a number of times given all of them. */
export function share(seed: number): Pick<WalkOptions, "rounds" | "sample"> {
  if (TIMES > 1) return {};
  const random = seeded(seed);
  return { rounds: (min: number, max: number) => [random() < 0.5 ? min : Math.min(max, min + 1)], sample: () => random() < 0.25 };
}
