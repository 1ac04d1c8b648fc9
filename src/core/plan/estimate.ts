import type { MoveDisk } from "../model/change.js";
import { formatBytes } from "../model/bytes.js";
import type { MoveOptions } from "../model/desired.js";
import type { Domain } from "../model/domain.js";
import type { HostState, PastRun } from "../model/host-state.js";
import type { Estimate } from "../model/plan.js";
import type { DiskMove, Fragments, SwitchOver } from "../strategies/strategy.js";
import { savedBytes } from "../switches/choose.js";
import { snapshotBytes } from "../switches/restart.js";

/** What is taken until a host has runs of its own to go by. Seconds, and bytes a second. */
export const GUESS = { shutdown: 10, start: 15, rate: 50 * 1024 ** 2, memory: 200 * 1024 ** 2, freeze: 2, changed: 0.02, scan: 2, devices: 1, pivot: 0.1 };

interface Reckoned {
  readonly seconds: number;
  readonly how: string;
}

/** Downtime that is not the last pass: going down and coming up, by the host's own past runs where it has any. */
export function overhead(
  domain: Domain, { history }: HostState, switchOver: SwitchOver = "restart",
): { readonly shutdown: Reckoned; readonly start: Reckoned } {
  const alike = history.filter((run) => (run.switch ?? "restart") === switchOver);
  const own = alike.filter((run) => run.domain === domain.name);
  const runs = own.length > 0 ? own : alike;
  const whose = own.length > 0 ? `of ${domain.name}` : "of other guests here";
  const from = (pick: (run: PastRun) => number, guess: Reckoned): Reckoned => {
    const seconds = median(runs.map(pick));
    return seconds === undefined
      ? guess
      : { seconds, how: `median of ${runs.length} past ${runs.length === 1 ? "move" : "moves"} ${whose}` };
  };
  const { shutdown, start } = switchOver === "suspend" ? memoryGuess(domain) : switchOver === "migrate" ? migrateGuess(domain) : GUESSED;
  return { shutdown: from((r) => r.shutdownSeconds, shutdown), start: from((r) => r.startSeconds, start) };
}

/** Forecast of the downtime of a guest that is taken over and nothing else, in seconds. */
export function downtimeOf(domain: Domain, state: HostState, switchOver: SwitchOver): number {
  if (switchOver === "next-reboot") return 0;
  const { shutdown, start } = overhead(domain, state, switchOver);
  return shutdown.seconds + start.seconds;
}

const NONE_ON_RECORD = "a guess: no move on this host is on record";
const GUESSED = {
  shutdown: { seconds: GUESS.shutdown, how: NONE_ON_RECORD }, start: { seconds: GUESS.start, how: NONE_ON_RECORD },
};

function memoryGuess(domain: Domain): { readonly shutdown: Reckoned; readonly start: Reckoned } {
  const bytes = savedBytes(domain);
  const reckoned = {
    seconds: round(GUESS.freeze + bytes / GUESS.memory),
    how: `a guess: ${formatBytes(bytes)} of memory at ${formatBytes(GUESS.memory)}/s`,
  };
  return { shutdown: reckoned, start: reckoned };
}

/** What the guest wrote to since the round before is copied while it stands still, and its devices are made then. */
function migrateGuess(domain: Domain): { readonly shutdown: Reckoned; readonly start: Reckoned } {
  const bytes = Math.round(savedBytes(domain) * GUESS.changed);
  return {
    shutdown: {
      seconds: round(GUESS.freeze + bytes / GUESS.memory),
      how: `a guess: the last ${formatBytes(bytes)} of memory at ${formatBytes(GUESS.memory)}/s, and its devices`,
    },
    start: { seconds: GUESS.devices, how: "a guess: no migration on this host is on record" },
  };
}

export interface EstimateInput {
  readonly domain: Domain;
  /** It runs, and is not there yet. */
  readonly takenOver: boolean;
  readonly switchOver: SwitchOver;
  readonly moves: readonly { readonly move: DiskMove; readonly fragments: Fragments }[];
  readonly options: MoveOptions;
  readonly state: HostState;
}

/** Bytes to copy, space and downtime of one guest's move, and how each was reckoned. */
export function estimate({ domain, takenOver, switchOver, moves, options, state }: EstimateInput): Estimate {
  const changes = moves.map((m) => m.move.change);
  const copied = moves.filter((m) => m.fragments.atRest.length > 0);
  const mirrored = moves.filter((m) => m.fragments.mirror !== undefined);
  const copyBytes = sum(copied.map((m) => usedBytes(m.move.change))) + sum(mirrored.map((m) => m.move.change.image.bytes)) +
    sum(moves.map((m) => m.fragments.pivot?.bytes ?? 0));
  const limit = options.throttle?.bandwidthBytesPerSecond ?? Infinity;
  const measured = median(state.history.map((run) => run.bytesPerSecond).filter((rate) => rate > 0));
  const free = measured ?? GUESS.rate;
  const rate = Math.min(free, limit);
  const parts: { what: string; seconds: number; how: string }[] = [];
  if (takenOver && mirrored.length > 0 && switchOver === "suspend") {
    const { shutdown, start } = overhead(domain, state, "suspend");
    parts.push({ what: "freeze", ...shutdown }, { what: "thaw until ready", ...start });
  } else if (takenOver && mirrored.length > 0 && switchOver === "migrate") {
    const { shutdown, start } = overhead(domain, state, "migrate");
    parts.push({ what: "hand over", ...shutdown }, { what: "run on until ready", ...start });
  } else if (takenOver) {
    const { shutdown, start } = overhead(domain, state);
    parts.push({ what: "shut down", ...shutdown });
    const live = copied.some((m) => m.move.live);
    if (live) {
      const delta = copyBytes * GUESS.changed;
      parts.push({
        what: "last pass", // nothing is throttled while the guest waits
        seconds: round(GUESS.scan + delta / free),
        how: `a guess of ${formatBytes(Math.round(delta))} changed; measured by the passes before the guest is touched`,
      });
    } else if (copied.length > 0) {
      parts.push({ what: "copy", seconds: round(GUESS.scan + copyBytes / rate), how: `${formatBytes(copyBytes)} at ${formatBytes(rate)}/s` });
    }
    parts.push({ what: "start until ready", ...start });
  }
  if (moves.some((m) => m.fragments.pivot !== undefined)) {
    parts.push({ what: "waiting for its disks", seconds: GUESS.pivot, how: "a guess: it runs on, and its writes wait while QEMU goes over" });
  }
  return {
    copyBytes,
    spaceNeeded: space(changes, moves, options, state),
    downtimeSeconds: round(sum(parts.map((p) => p.seconds))),
    budgetSeconds: options.downtimeSeconds ?? -1,
    parts,
  };
}

function space(
  changes: readonly MoveDisk[], moves: EstimateInput["moves"], options: MoveOptions, state: HostState,
): Estimate["spaceNeeded"] {
  const needed = new Map<string, number>();
  const add = (group: string, bytes: number): void => void needed.set(group, (needed.get(group) ?? 0) + bytes);
  for (const { to } of changes) if (!to.resumes) add(to.group, to.bytes);
  const origins = new Set(moves.filter((m) => m.fragments.pass !== undefined).flatMap((m) => m.move.change.image.on?.volume ?? []));
  for (const origin of origins) {
    const group = origin.slice(0, origin.indexOf("/"));
    const extentBytes = state.volumeGroups[group]?.extentBytes ?? 1;
    add(group, snapshotBytes(options.snapshot?.size ?? { percent: 20 }, state, origin, extentBytes) ?? 0);
  }
  return [...needed].map(([group, bytes]) => {
    const vg = state.volumeGroups[group];
    return { group, bytes, freeBytes: (vg?.freeExtents ?? 0) * (vg?.extentBytes ?? 0) };
  });
}

/** What files take up: no more than the image really holds, whatever its superblock says. */
export function usedBytes({ image }: MoveDisk): number {
  const { content } = image;
  return "usedBytes" in content ? Math.min(content.usedBytes, image.allocatedBytes) : image.allocatedBytes;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** The middle one, or undefined where there is none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
