import { leavesBySwitch } from "../model/desired.js";
import type { HostState } from "../model/host-state.js";
import type { DiskMove, ForecastPart } from "./strategy.js";

/** What is taken until a host has runs of its own to go by, in bytes a second. */
export const GUESSED_RATE = 50 * 1024 ** 2;

/** What it takes to look through a file system whose files are all as they were. */
export const SCAN_SECONDS = 2;

/** How fast a strategy copies on this host: the median of its past runs there, or a guess. */
export interface Rate {
  /** While the guest runs on, with what the playbook allows. */
  readonly bytesPerSecond: number;
  /** While the guest waits, when nothing is throttled. */
  readonly freeBytesPerSecond: number;
  readonly guessed: boolean;
}

/**
 * @param strategy its name: files and blocks go at rates that have nothing to do with each other
 */
export function rateOf(strategy: string, { options }: DiskMove, { history }: HostState): Rate {
  const measured = median(history.filter((run) => strategyOfRun(run) === strategy).map((run) => run.bytesPerSecond).filter((rate) => rate > 0));
  const free = measured ?? GUESSED_RATE;
  return {
    bytesPerSecond: Math.min(free, options.throttle?.bandwidthBytesPerSecond ?? Infinity),
    freeBytesPerSecond: free,
    guessed: measured === undefined,
  };
}

/**
 * How long a guest is held for one disk while its volume takes the image's place under it: as measured on this host, by whichever
 * guest, since its memory has no part in it. Rounded up to tenths: what it waits for is never nothing.
 * @param strategy its name
 */
export function exchangeBy(strategy: string, what: string, guess: Omit<ForecastPart, "what">, { history }: HostState): ForecastPart {
  const measured = history.flatMap((run) => (strategyOfRun(run) === strategy ? run.exchangeSeconds ?? [] : []));
  const seconds = median(measured);
  if (seconds === undefined) return { what, ...guess };
  return {
    what, seconds: Math.ceil(Math.round(seconds * 100) / 10) / 10,
    how: `median of ${measured.length} past ${measured.length === 1 ? "move" : "moves"} by ${strategy} here`,
  };
}

/** The strategy's name. Books of versions before there were more than these two do not say: only the mirror froze a guest then. */
export function strategyOfRun(run: HostState["history"][number]): string {
  return run.strategy ?? (run.switch === "suspend" ? "dm" : "rsync");
}

/** The upper one of the middle, where they are even in number; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** To tenths of a second, which is more than a forecast deserves. */
export function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

/** How often a mirrored guest is taken over: onto the mirror's device, unless it is there, and off it again where it has to be now. */
export function takeOversOf({ mapped, options, switchOver }: DiskMove): 0 | 1 | 2 {
  const leaves = leavesBySwitch(options) && switchOver !== "next-reboot";
  if (mapped) return leaves ? 1 : 0;
  return leaves ? 2 : 1;
}
