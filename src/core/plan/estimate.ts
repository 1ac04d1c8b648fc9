import type { MoveDisk } from "../model/change.js";
import type { MoveOptions } from "../model/desired.js";
import { snapshotSize } from "../model/desired.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import type { Estimate } from "../model/plan.js";
import { median, strategyOfRun, tenths } from "../strategies/rates.js";
import type { DiskForecast, DiskMove, ForecastPart, Fragments, Strategy, SwitchOver } from "../strategies/strategy.js";
import { overheadParts } from "../switches/overhead.js";
import { clonedDisk, rehearsalSeconds } from "../switches/rehearse.js";
import { snapshotBytes } from "../switches/restart.js";

export interface GuestForecast {
  readonly copyBytes: number;
  readonly seconds: number;
  readonly downtimeSeconds: number;
  readonly parts: readonly ForecastPart[];
  /** In the order of the disks. */
  readonly disks: readonly DiskForecast[];
}

/** What it costs to move these disks of a guest, all of them together, each by its strategy, with this switch-over. */
export function forecastGuest(
  domain: Domain, disks: readonly { readonly move: DiskMove; readonly strategy: Strategy }[],
  switchOver: SwitchOver, state: HostState,
): GuestForecast {
  const forecasts = disks.map(({ move, strategy }) => ({ vdev: move.change.vdev, ...strategy.forecast(move, state) }));
  const running = domain.running !== undefined;
  const takeOvers = running && switchOver !== "next-reboot" ? Math.max(0, ...forecasts.map((f) => f.takeOvers)) : 0;
  const waiting = forecasts.filter(({ held }) => held.length > 0);
  const held = !running ? [] : waiting.flatMap(({ vdev, held: parts }) =>
    parts.map((part) => (waiting.length > 1 ? { ...part, what: `${part.what} of ${vdev}` } : part)));
  const parts: ForecastPart[] = [];
  for (let time = 0; time < takeOvers; time += 1) {
    const { before, after } = overheadParts(domain, state, switchOver);
    parts.push(before, ...(time === 0 ? held : []), after);
  }
  if (takeOvers === 0) parts.push(...held);
  const compared = forecasts.filter(({ paused = [] }) => paused.length > 0);
  const paused = compared.flatMap(({ vdev, paused: ones = [] }) =>
    ones.map((part) => (compared.length > 1 ? { ...part, what: `${part.what} of ${vdev}` } : part)));
  if (running) parts.push(...paused);
  const downtimeSeconds = tenths(sum(parts.map((p) => p.seconds)));
  const waited = running ? downtimeSeconds : sum([...waiting.flatMap((f) => f.held), ...paused].map((part) => part.seconds));
  const names = new Set(disks.filter(({ strategy }) => strategy.way !== undefined).map(({ strategy }) => strategy.name));
  const rest = median(state.history.filter((run) => names.has(strategyOfRun(run))).flatMap((run) => run.restSeconds ?? [])) ?? 0;
  return {
    copyBytes: sum(forecasts.map((f) => f.copyBytes)),
    seconds: tenths(sum(forecasts.map((f) => f.seconds)) + waited + rest),
    downtimeSeconds, parts, disks: forecasts,
  };
}

export interface EstimateInput {
  readonly domain: Domain;
  readonly switchOver: SwitchOver;
  readonly moves: readonly { readonly move: DiskMove; readonly strategy: Strategy; readonly fragments: Fragments }[];
  readonly options: MoveOptions;
  readonly state: HostState;
  /** Nothing is moved, and the guest is taken off a mirror's device. */
  readonly leaves?: boolean;
}

/** Bytes to copy, time, space and downtime of one guest's move, and how each was reckoned. */
export function estimate({ domain, switchOver, moves, options, state, leaves = false }: EstimateInput): Estimate {
  const { copyBytes, seconds, downtimeSeconds, parts } = leaves
    ? leavingForecast(domain, switchOver, state)
    : forecastGuest(domain, moves, switchOver, state);
  const rehearsed = moves.some((m) => m.fragments.rehearsal !== undefined) ? rehearsalSeconds(domain, options, state) : 0;
  return {
    copyBytes, seconds: tenths(seconds + rehearsed),
    spaceNeeded: space(moves.map((m) => m.move.change), moves, options, state),
    downtimeSeconds,
    budgetSeconds: options.downtimeSeconds ?? -1,
    parts,
  };
}

function leavingForecast(domain: Domain, switchOver: SwitchOver, state: HostState): Omit<GuestForecast, "disks"> {
  const { before, after } = overheadParts(domain, state, switchOver);
  const seconds = tenths(before.seconds + after.seconds);
  return { copyBytes: 0, seconds, downtimeSeconds: seconds, parts: [before, after] };
}

function space(
  changes: readonly MoveDisk[], moves: EstimateInput["moves"], options: MoveOptions, state: HostState,
): Estimate["spaceNeeded"] {
  const needed = new Map<string, number>();
  const add = (group: string, bytes: number): void => void needed.set(group, (needed.get(group) ?? 0) + bytes);
  for (const { to } of changes) if (!to.begun) add(to.group, to.bytes);
  // snapshots of the copies stand between two passes, while none of the images' does
  const rehearsed = new Map<string, number>();
  for (const { move, fragments: { rehearsal } } of options.rehearse === true ? moves : []) {
    const { domain, vdev, to: { group } } = move.change;
    const bytes = rehearsal === undefined ? 0 : clonedDisk(domain, vdev, rehearsal, options, state).bytes ?? 0;
    rehearsed.set(group, (rehearsed.get(group) ?? 0) + bytes);
  }
  const passes = new Map<string, number>();
  const origins = new Set(moves.filter((m) => m.fragments.pass !== undefined).flatMap((m) => m.move.change.image.on?.volume ?? []));
  for (const origin of origins) {
    const group = origin.slice(0, origin.indexOf("/"));
    const extentBytes = state.volumeGroups[group]?.extentBytes ?? 1;
    const bytes = snapshotBytes(snapshotSize(options), state, origin, extentBytes) ?? 0;
    passes.set(group, (passes.get(group) ?? 0) + bytes);
  }
  for (const group of new Set([...passes.keys(), ...rehearsed.keys()])) {
    add(group, Math.max(passes.get(group) ?? 0, rehearsed.get(group) ?? 0));
  }
  return [...needed].map(([group, bytes]) => {
    const vg = state.volumeGroups[group];
    return { group, bytes, freeBytes: (vg?.freeExtents ?? 0) * (vg?.extentBytes ?? 0) };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
