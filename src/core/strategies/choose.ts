import type { MoveDisk } from "../model/change.js";
import type { DesiredDomain } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { isOverBudget } from "../model/plan.js";
import type { StrategyChoice, SwitchChoice } from "../model/plan.js";
import { forecastGuest } from "../plan/estimate.js";
import { count } from "../render/figures.js";
import { switchCandidates, switchChoice } from "../switches/choose.js";
import { noWay } from "./no-way.js";
import { against, possibleFirst, unaskedFor, unfit } from "./other-ways.js";
import type { Unasked } from "./other-ways.js";
import { strategies } from "./registry.js";
import type { DiskMove, Strategy, SwitchOver } from "./strategy.js";
import { forecastOf, goes, seenOf, switchOf } from "./way.js";
import type { Candidate, Held, Looked, Seen, Way } from "./way.js";

/** How all disks of a guest go to their volumes, and the guest with them. */
export interface ChosenWay {
  readonly switchOver: SwitchOver;
  /** Empty where there is no way for all of them. */
  readonly disks: readonly { readonly move: DiskMove; readonly strategy: Strategy }[];
  readonly choices: readonly StrategyChoice[];
  /** Why this switch-over, and why not the others. */
  readonly switchChoice: SwitchChoice;
  readonly diagnostics: readonly Diagnostic[];
}

/** What a choice is made for. */
export interface Choice {
  readonly desired: DesiredDomain;
  readonly domain: Domain;
  readonly changes: readonly MoveDisk[];
  readonly moveOf: (change: MoveDisk, switchOver: SwitchOver) => DiskMove;
  readonly state: HostState;
}

/**
 * Picks strategies and switch-over of a guest: those that the playbook names, and with `auto` (or none) those by which
 * the guest loses the least time within its budget; of equal ones the quickest. All disks go one way. Swap is made anew
 * whatever is named, alone or beside files, since there is nothing in it to carry; beside a mirror of a guest that runs it is mirrored.
 */
export function chooseWay(choice: Choice): ChosenWay {
  const { desired, domain, changes, moveOf, state } = choice;
  const budgetSeconds = desired.move.downtimeSeconds ?? -1;
  const { possible: switches, impossible } = switchCandidates(desired, domain, state);
  const [fallback = "restart"] = switches;
  const chosen = (switchOver: SwitchOver, seconds: ReadonlyMap<SwitchOver, number> = new Map()): Pick<ChosenWay, "switchOver" | "switchChoice"> =>
    ({ switchOver, switchChoice: switchChoice(desired, switchOver, seconds, impossible) });
  if (changes.length === 0) return { ...chosen(fallback), disks: [], choices: [], diagnostics: [] };
  const look = (candidatesOf: (move: DiskMove) => readonly Strategy[]): readonly Looked[] => switches.map((switchOver) => ({
    switchOver,
    disks: changes.map((change) => {
      const move = moveOf(change, switchOver);
      return { move, candidates: candidatesOf(move).map((strategy) => ({ strategy, fit: strategy.fits(move, state) })) };
    }),
  }));
  const unlikeConfig = otherCards(domain);
  const reckon = (all: readonly Looked[]): readonly Way[] =>
    [...distinct(all.flatMap(({ switchOver, disks }) => waysOf(disks).map((disks): Way => {
      const forecast = forecastGuest(domain, disks, switchOver, state);
      return {
        switchOver, disks, forecast, overBudget: isOverBudget({ ...forecast, budgetSeconds }),
        last: disks.some(({ move, strategy }) => strategy.auto === "last" && (move.options.strategy ?? "auto") === "auto"),
        lacks: [...heldIn(disks, "lacks"), ...(disks.some(({ strategy }) => strategy.takesOver === true) ? unlikeConfig : [])],
        but: heldIn(disks, "but"),
      };
    })))].sort(byLostTime);
  const looked = look(candidatesOf);
  const [best, ...others] = reckon(looked);
  const fits = (at: number): readonly Seen[] => seenOf(looked, at);
  if (best === undefined) {
    return {
      ...chosen(fallback), disks: [],
      choices: changes.map(({ vdev }, at) => ({ vdev, strategy: "none", because: [], against: unfit(fits(at), []) })),
      diagnostics: noWay(choice, changes.map((_, at) => fits(at)), looked),
    };
  }
  // where a playbook names a way for some disk, what else could be named is no question any more
  const unasked = changes.every(({ wish }) => (wish.move.strategy ?? "auto") === "auto")
    ? UNASKED.map((strategy): Unasked => {
      const all = look(() => [strategy, ...UNNAMED]);
      return { strategy, looked: all, ways: reckon(all).filter(({ disks }) => disks.some((disk) => disk.strategy === strategy)) };
    })
    : [];
  const choices = best.disks.map(({ move, strategy, fit }, at): StrategyChoice => ({
    vdev: move.change.vdev, strategy: strategy.name, ...switchOf(best), because: [...fit.reasons, ...fit.but ?? []], forecast: forecastOf(best, at),
    against: [...against(best, others, at, fits(at)), ...unasked.flatMap((other) => unaskedFor(other, at)).sort(possibleFirst)],
  }));
  return { ...chosen(best.switchOver, downtimes([best, ...others])), disks: best.disks, choices, diagnostics: [] };
}

/** As deriveConfig has it (xl/derive.ts), which would refuse. */
function otherCards({ config, running }: Domain): readonly Held[] {
  const [cards, macs] = [config?.settled?.cards, running?.macs];
  if (cards === undefined || macs === undefined || cards.length === macs.length) return [];
  return [{ reason: `its config names ${count(cards.length, "network card")}, and the guest has ${macs.length}` }];
}

function heldIn(disks: Way["disks"], what: "lacks" | "but"): readonly Held[] {
  return disks.flatMap(({ move: { change: { vdev } }, fit }) => (fit[what] ?? []).map((reason) => ({ vdev, reason })));
}

/** Those that a playbook names, or those that `auto` may pick; and what is there because it is better where it fits. */
function candidatesOf({ options }: DiskMove): readonly Strategy[] {
  const named = options.strategy ?? "auto";
  return Object.values<Strategy>(strategies).filter((strategy) =>
    !strategy.named || (named === "auto" ? strategy.auto !== false : strategy.name === named));
}

/** What `auto` never picks, but a playbook may name; and what goes with whatever is named. */
const UNASKED = Object.values<Strategy>(strategies).filter(({ named, auto }) => named && !auto);
const UNNAMED = Object.values<Strategy>(strategies).filter(({ named }) => !named);

/** For each way that some disk could go, if all of them can: what carries each. */
function waysOf(
  disks: readonly { readonly move: DiskMove; readonly candidates: readonly Candidate[] }[],
): readonly (readonly (Candidate & { readonly move: DiskMove })[])[] {
  const names = new Set(disks.flatMap(({ candidates }) => candidates.map(({ strategy }) => strategy.way)));
  const ways = [...names].flatMap((way) => {
    const all = disks.flatMap(({ move, candidates }) => {
      const fitting = candidates.filter(({ strategy, fit }) => fit.fits && goes(strategy, way, move));
      const found = fitting.find(({ strategy }) => strategy.way === undefined) ?? fitting[0];
      return found === undefined ? [] : [{ move, ...found }];
    });
    return all.length === disks.length ? [all] : [];
  });
  // what goes with any way is the same in all of them
  const named = new Map(ways.map((all) => [all.map(({ strategy }) => strategy.name).join(" "), all] as const));
  return [...named.values()];
}

/** The shortest downtime with each switch-over; the ways come sorted by it. */
function downtimes(ways: readonly Way[]): ReadonlyMap<SwitchOver, number> {
  return new Map([...ways].reverse().map(({ switchOver, forecast }) => [switchOver, forecast.downtimeSeconds] as const));
}

/** Where nobody is taken over, all switch-overs are one. */
function distinct(ways: readonly Way[]): readonly Way[] {
  const key = (way: Way): string =>
    [...way.disks.map(({ strategy }) => strategy.name), way.forecast.disks.some((disk) => disk.takeOvers > 0) ? way.switchOver : ""].join(" ");
  return [...new Map([...ways].reverse().map((way) => [key(way), way] as const)).values()].reverse();
}

/**
 * What the host has all for goes before what would be refused; what keeps the budget before what does not, since that would not
 * be switched to; what is there for the last behind what is not; what comes out as asked for before what does not; then the
 * time that the guest loses, then that of the run.
 */
function byLostTime(a: Way, b: Way): number {
  return a.lacks.length - b.lacks.length
    || Number(a.overBudget) - Number(b.overBudget)
    || Number(a.last) - Number(b.last)
    || a.but.length - b.but.length
    || a.forecast.downtimeSeconds - b.forecast.downtimeSeconds
    || a.forecast.seconds - b.forecast.seconds
    || a.forecast.copyBytes - b.forecast.copyBytes;
}
