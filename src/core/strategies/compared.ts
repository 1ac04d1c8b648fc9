import { formatBytes } from "../model/bytes.js";
import type { HostState } from "../model/host-state.js";
import type { Step } from "../model/step.js";
import { compareLegs } from "../steps/compare-legs.js";
import type { CompareLegs } from "../steps/compare-legs.js";
import { stepOf } from "../steps/step-of.js";
import { rateOf, tenths } from "./rates.js";
import type { DiskMove, ForecastPart } from "./strategy.js";

/** How a strategy begins the reason for which it can not do that. */
export const VERIFY_FULL = "move.verify is full";

/** Why both sides are looked at. */
export const WHY_COMPARED = "what the mirror says of itself is not all there is to know";

/** A comparison that takes three times as long as forecast is given up, but none before it has had this long. */
const LEAST_SECONDS = 30;

/** {@link comparisonAtOnce} of a mirror that the guest has to come onto first: not due yet where its own reboot is waited for. */
export function comparisonOf(strategy: string, move: DiskMove, state: HostState): readonly ForecastPart[] {
  const { running, mapped, switchOver } = move;
  return running && !mapped && switchOver === "next-reboot" ? [] : comparisonAtOnce(strategy, move, state);
}

/**
 * What it takes to compare a mirror's two legs (`verify: full`), while the guest waits: both are read, at the rate at which
 * this host copies. Empty where that is not asked for.
 */
export function comparisonAtOnce(strategy: string, move: DiskMove, state: HostState): readonly ForecastPart[] {
  const { options, change: { image: { bytes } } } = move;
  if (options.verify !== "full") return [];
  const { freeBytesPerSecond, guessed } = rateOf(strategy, move, state);
  return [{
    what: "comparing image and volume", seconds: tenths((2 * bytes) / freeBytesPerSecond),
    how: `twice ${formatBytes(bytes)} at ${formatBytes(Math.round(freeBytesPerSecond))}/s, ${guessed ? "a guess" : "as this host has copied"}: ${VERIFY_FULL}`,
  }];
}

/** How long a comparison may take on the host. */
export function comparisonLimit(parts: readonly ForecastPart[], { options: { downtimeSeconds = Infinity } }: DiskMove): number {
  const forecast = parts.reduce((sum, { seconds }) => sum + seconds, 0);
  return Math.ceil(Math.min(Math.max(LEAST_SECONDS, 3 * forecast), downtimeSeconds));
}

/** What does it, once nobody writes to either leg. */
export function compareStep(id: string, legs: CompareLegs): Step {
  return stepOf(compareLegs, "switch", id, legs, WHY_COMPARED);
}
