import type { OtherChoice } from "../model/plan.js";
import type { Strategy } from "./strategy.js";
import { forecastOf, inWords, seenOf, switchOf } from "./way.js";
import type { Looked, Seen, Way } from "./way.js";

/** Why not the others: what they would cost, and where they can not be done what stands against them. */
export function against(best: Way, others: readonly Way[], at: number, seen: readonly Seen[]): readonly OtherChoice[] {
  const mine = best.disks[at]?.strategy;
  const possible = others.flatMap((way): readonly OtherChoice[] => {
    const { strategy } = way.disks[at] ?? {};
    if (strategy === undefined || !strategy.named) return [];
    // of what is there for the last, one is enough to be told of
    if (way.last && !best.last && way !== others.find((other) => other.last)) return [];
    return [{ strategy: strategy.name, ...switchOf(way), reasons: [worse(way, best, way.disks[at]?.move.change.vdev ?? "")], forecast: forecastOf(way, at) }];
  });
  const told = new Set([...possible.map((other) => other.strategy), ...(mine === undefined ? [] : [mine.name])]);
  return [...possible, ...unfit(seen, [...told])];
}

function worse(way: Way, best: Way, vdev: string): string {
  if (way.lacks.length > best.lacks.length) return inWords(way.lacks, vdev);
  if (way.overBudget && !best.overBudget) return "the guest would be down for longer than its budget allows";
  if (way.last && !best.last) return "it is for where no other way keeps the budget, or fits at all";
  if (way.but.length > best.but.length) return inWords(way.but, vdev);
  if (way.forecast.downtimeSeconds > best.forecast.downtimeSeconds) return "the guest would lose more time";
  if (way.forecast.seconds > best.forecast.seconds) return "it would take longer";
  return "it is no better";
}

/** What can not be done with any switch-over, and why: with the one that has least against it. */
export function unfit(seen: readonly Seen[], told: readonly string[]): readonly OtherChoice[] {
  const names = [...new Set(seen.filter(({ strategy }) => strategy.named).map(({ strategy }) => strategy.name))];
  return names.filter((name) => !told.includes(name)).map((strategy) => {
    const of = seen.filter((one) => one.strategy.name === strategy);
    const reasons = of.some(({ fit }) => fit.fits)
      ? ["another disk of the guest can not go that way, and all go together"]
      : [...of].sort((a, b) => a.fit.reasons.length - b.fit.reasons.length)[0]?.fit.reasons ?? [];
    return { strategy, reasons };
  });
}

/** A strategy that nobody has named and `auto` never picks, and the ways in which all disks could go by it. */
export interface Unasked {
  readonly strategy: Strategy;
  readonly looked: readonly Looked[];
  readonly ways: readonly Way[];
}

/** The order in which the others are told. */
export function possibleFirst(a: OtherChoice, b: OtherChoice): number {
  return Number(a.forecast === undefined) - Number(b.forecast === undefined);
}

/** What it would cost, with the switch-over that costs the least; or what stands against it. */
export function unaskedFor({ strategy, looked, ways: [way] }: Unasked, at: number): readonly OtherChoice[] {
  if (way !== undefined) {
    // beside it the disk goes as it would beside any other: that is no choice
    if (way.disks[at]?.strategy.named !== true) return [];
    // named, it would be refused
    if (way.lacks.length > 0) return [{ strategy: strategy.name, ...switchOf(way), reasons: [inWords(way.lacks, way.disks[at].move.change.vdev)] }];
    return [{ strategy: strategy.name, ...switchOf(way), reasons: ["only where the playbook names it"], forecast: forecastOf(way, at) }];
  }
  return unfit(seenOf(looked, at), []);
}
