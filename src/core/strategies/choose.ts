import type { MoveDisk } from "../model/change.js";
import type { DesiredDomain } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { isOverBudget } from "../model/plan.js";
import type { Forecast, OtherChoice, StrategyChoice, SwitchChoice } from "../model/plan.js";
import { forecastGuest } from "../plan/estimate.js";
import type { GuestForecast } from "../plan/estimate.js";
import { count } from "../render/figures.js";
import { switchCandidates, switchChoice } from "../switches/choose.js";
import { VERIFY_FULL } from "./compared.js";
import { strategies } from "./registry.js";
import { AWAITS, SITS } from "./sits-elsewhere.js";
import type { DiskMove, Fit, Strategy, SwitchOver } from "./strategy.js";

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

interface Candidate {
  readonly strategy: Strategy;
  readonly fit: Fit;
}

/** One way for all disks of a guest, and what it would cost. */
interface Way {
  readonly switchOver: SwitchOver;
  readonly disks: readonly (Candidate & { readonly move: DiskMove })[];
  readonly forecast: GuestForecast;
  /** What has to be otherwise for it first. */
  readonly lacks: readonly Held[];
  /** The guest would be down for longer than it may. */
  readonly overBudget: boolean;
  /** It is there for where nothing else is left, and nobody has named it. */
  readonly last: boolean;
  /** What would come out otherwise than asked for. */
  readonly but: readonly Held[];
}

/** What is held against a way, of one disk or (unset) of the guest. */
interface Held {
  readonly vdev?: string;
  readonly reason: string;
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

/** In words beside one disk: what is held against it there; where that is nothing, whose it is that is. */
function inWords(held: readonly Held[], disk: string): string {
  const here = held.filter(({ vdev }) => vdev === undefined || vdev === disk).map(({ reason }) => reason);
  return [...new Set(here.length > 0 ? here : held.map(({ vdev = "", reason }) => `${vdev}: ${reason}`))].join("; ");
}

/** Each disk with what could carry it, by one switch-over. */
interface Looked {
  readonly switchOver: SwitchOver;
  readonly disks: readonly { readonly move: DiskMove; readonly candidates: readonly Candidate[] }[];
}

interface Seen extends Candidate {
  readonly switchOver: SwitchOver;
}

/** All that was looked at for one disk. */
function seenOf(looked: readonly Looked[], at: number): readonly Seen[] {
  return looked.flatMap(({ switchOver, disks }) => (disks[at]?.candidates ?? []).map((candidate) => ({ ...candidate, switchOver })));
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

/** One of those, and the ways in which all disks could go by it. */
interface Unasked {
  readonly strategy: Strategy;
  readonly looked: readonly Looked[];
  readonly ways: readonly Way[];
}

function possibleFirst(a: OtherChoice, b: OtherChoice): number {
  return Number(a.forecast === undefined) - Number(b.forecast === undefined);
}

/** What it would cost, with the switch-over that costs the least; or what stands against it. */
function unaskedFor({ strategy, looked, ways: [way] }: Unasked, at: number): readonly OtherChoice[] {
  if (way !== undefined) {
    // beside it the disk goes as it would beside any other: that is no choice
    if (way.disks[at]?.strategy.named !== true) return [];
    // named, it would be refused
    if (way.lacks.length > 0) return [{ strategy: strategy.name, ...switchOf(way), reasons: [inWords(way.lacks, way.disks[at].move.change.vdev)] }];
    return [{ strategy: strategy.name, ...switchOf(way), reasons: ["only where the playbook names it"], forecast: forecastOf(way, at) }];
  }
  return unfit(seenOf(looked, at), []);
}

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

function goes(strategy: Strategy, way: string | undefined, move: DiskMove): boolean {
  return strategy.way === undefined ? (strategy.goesWith?.(way, move) ?? true) : strategy.way === way;
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

/** The switch-over has a part in it only where the guest is taken over at all. */
function switchOf({ switchOver, forecast }: Way): { readonly switch?: string } {
  return forecast.disks.some((disk) => disk.takeOvers > 0) ? { switch: switchOver } : {};
}

function forecastOf({ forecast }: Way, at: number): Forecast {
  return {
    copyBytes: forecast.disks[at]?.copyBytes ?? 0, seconds: forecast.seconds, downtimeSeconds: forecast.downtimeSeconds,
  };
}

/** Why not the others: what they would cost, and where they can not be done what stands against them. */
function against(best: Way, others: readonly Way[], at: number, seen: readonly Seen[]): readonly OtherChoice[] {
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
function unfit(seen: readonly Seen[], told: readonly string[]): readonly OtherChoice[] {
  const names = [...new Set(seen.filter(({ strategy }) => strategy.named).map(({ strategy }) => strategy.name))];
  return names.filter((name) => !told.includes(name)).map((strategy) => {
    const of = seen.filter((one) => one.strategy.name === strategy);
    const reasons = of.some(({ fit }) => fit.fits)
      ? ["another disk of the guest can not go that way, and all go together"]
      : [...of].sort((a, b) => a.fit.reasons.length - b.fit.reasons.length)[0]?.fit.reasons ?? [];
    return { strategy, reasons };
  });
}

/** It names a file system that the disk does not have; everything is held against that. */
function asksForAnother({ wish: { filesystem }, image: { content } }: MoveDisk): boolean {
  return filesystem !== undefined && "uuid" in content && content.type !== filesystem;
}

/** No way for all disks: because there is none for one of them, or because they have none in common. */
function noWay({ desired, changes, state }: Choice, seen: readonly (readonly Seen[])[], looked: readonly Looked[]): readonly Diagnostic[] {
  const subject = { host: state.host.name, domain: desired.name };
  const lost = changes.flatMap((change, at): readonly Diagnostic[] => {
    const all = seen[at] ?? [];
    if (all.some(({ fit }) => fit.fits)) return [];
    const { strategy = "auto" } = change.wish.move;
    const heldBy = (what: string): boolean => all.some(({ fit }) => fit.reasons.some((reason) => reason.startsWith(what)));
    return [
      {
        severity: "error", code: "no-strategy-fits", at: change.wish.at, subject: { ...subject, vdev: change.vdev },
        summary: `no way to move ${change.vdev} of ${desired.name} (${change.image.path})`,
        detail: unfit(all, []).flatMap(({ strategy, reasons }) => reasons.map((reason) => `${strategy}: ${reason}`)).join("\n"),
        fix: asksForAnother(change)
          ? `Leave 'filesystem: ${change.wish.filesystem ?? ""}' out: what the disk holds comes over as it is.`
          : heldBy(SITS) || heldBy(AWAITS)
          ? "Name the strategy that goes on from there; or shut the guest down and start it: it comes up on its image, and any way is open."
          : heldBy(VERIFY_FULL)
          ? "Leave `verify: full` out: no way that fits this disk can compare it."
          : strategy === "auto"
            ? "Leave this disk out of the playbook; disks of this kind can not be moved yet."
            : `Change what is held against it, or leave out 'strategy: ${strategy}': then any way that fits is taken.`,
      },
    ];
  });
  if (lost.length > 0) return lost;
  const each = changes.map(({ vdev }, at) => {
    const names = new Set((seen[at] ?? []).filter(({ fit, strategy }) => fit.fits && strategy.way !== undefined).map(({ strategy }) => strategy.name));
    return `${vdev} can be moved by ${[...names].join(", ")} alone`;
  });
  return [
    {
      severity: "error", code: "mixed-strategies", at: desired.at, subject,
      summary: `the disks of ${desired.name} can not all be moved in one way`,
      detail: [...each, "a copy is finished while the guest is down, a mirror while it runs"].join("\n"),
      fix: recipe(apart(looked), changes.some(({ wish }) => (wish.move.strategy ?? "auto") !== "auto")),
    },
  ];
}

/** Disks that can go together, and by what. */
interface Together {
  readonly vdevs: readonly string[];
  readonly way: string | undefined;
  readonly strategies: readonly string[];
}

/**
 * In which order ways of one guest follow on each other: QEMU's own first, since xl stores a config at the commit of a mirror, which it would
 * refuse; files last, since their restart takes the guest off the device of a mirror as well. Mirrors may come in any order.
 */
const FOLLOW: readonly (string | undefined)[] = [undefined, ...new Set(Object.values<Strategy>(strategies)
  .filter(({ way }) => way !== undefined)
  .sort((a, b) => turn(a) - turn(b))
  .map(({ way }) => way))];

function turn({ carries, takesOver }: Strategy): number {
  if (carries === "files") return 2;
  return takesOver === true ? 1 : 0;
}

/** In as few runs as there have to be, each of as many disks as can go together. */
function apart(looked: readonly Looked[]): readonly Together[] {
  const found: Together[] = [];
  let left = looked[0]?.disks.map(({ move }) => move.change.vdev) ?? [];
  while (left.length > 0) {
    const rest = left;
    const [most] = looked.flatMap(({ disks }) => FOLLOW.map((way): Together => {
      const carried = disks.filter(({ move }) => rest.includes(move.change.vdev)).flatMap(({ move, candidates }) => {
        const by = candidates.filter(({ strategy, fit }) => fit.fits && goes(strategy, way, move));
        return by.length === 0 ? [] : [{ vdev: move.change.vdev, by: (by.find(({ strategy }) => !strategy.named) ?? by[0])?.strategy.name ?? "" }];
      });
      return { way, vdevs: carried.map(({ vdev }) => vdev), strategies: [...new Set(carried.map(({ by }) => by))] };
    })).sort((a, b) => b.vdevs.length - a.vdevs.length);
    if (most === undefined || most.vdevs.length === 0) break;
    found.push(most);
    left = left.filter((vdev) => !most.vdevs.includes(vdev));
  }
  return found.sort((a, b) => FOLLOW.indexOf(a.way) - FOLLOW.indexOf(b.way));
}

/** What is on its volume already is no matter of a later run, so that the last one may name all. */
function recipe(runs: readonly Together[], named: boolean): string {
  const before = runs.slice(0, -1).map(({ strategies: by }, at) =>
    `${at === 0 ? "first" : "then"} with ${listed(runs.slice(0, at + 1).flatMap(({ vdevs }) => vdevs))} alone under \`disks\` (${by.join(", ")})`);
  const last = runs.at(-1);
  return `Run the playbook ${before.join(", ")}, then as it is, which moves ${listed(last?.vdevs ?? [])} (${last?.strategies.join(", ") ?? ""}).` +
    (named ? " Or name one strategy for all disks that can carry each." : "");
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
