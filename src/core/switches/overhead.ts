import { formatBytes } from "../model/bytes.js";
import type { Domain } from "../model/domain.js";
import type { HostState, PastRun } from "../model/host-state.js";
import { median, tenths } from "../strategies/rates.js";
import type { ForecastPart, SwitchOver } from "../strategies/strategy.js";
import { savedBytes, withOverhead } from "./choose.js";

/** What is taken until a host has runs of its own to go by. Seconds, and bytes a second. */
const GUESS = { shutdown: 10, start: 15, memory: 200 * 1024 ** 2, freeze: 2, changed: 0.02, devices: 1 };

interface Reckoned {
  readonly seconds: number;
  readonly how: string;
}

export interface Overhead {
  readonly shutdown: Reckoned;
  readonly start: Reckoned;
}

/**
 * What it takes to get a guest off its disk and onto another: by its own past runs where it has any, else by those of other
 * guests. What a suspension or a migration takes goes with a guest's memory, and so is reckoned from theirs
 * ({@link byMemory}); runs of which the books do not say how much that was count for nobody else.
 */
export function overhead(domain: Domain, { history }: HostState, switchOver: SwitchOver = "restart"): Overhead {
  const alike = history.filter((run) => (run.switch ?? "restart") === switchOver);
  const own = alike.filter((run) => run.domain === domain.name);
  const guesses = guessOf(switchOver);
  const one = (part: keyof Overhead): Reckoned => {
    if (own.length === 0 && guesses !== undefined) return byMemory(alike, part, guesses, savedBytes(domain));
    const runs = own.length > 0 ? own : alike;
    const seconds = median(runs.map((run) => took(run, part)));
    return seconds === undefined ? GUESSED[part] : { seconds, how: `median of ${moves(runs)} ${own.length > 0 ? `of ${domain.name}` : OTHERS}` };
  };
  return { shutdown: one("shutdown"), start: one("start") };
}

function took(run: PastRun, part: keyof Overhead): number {
  return part === "shutdown" ? run.shutdownSeconds : run.startSeconds;
}

/** The same as parts of a downtime: what comes before whatever the guest waits for, and what after it. */
export function overheadParts(
  domain: Domain, state: HostState, switchOver: SwitchOver,
): { readonly before: ForecastPart; readonly after: ForecastPart } {
  const { shutdown, start } = overhead(domain, state, switchOver);
  const [before, after] = WORDS[switchOver];
  return { before: { what: before, ...shutdown }, after: { what: after, ...start } };
}

const WORDS: Readonly<Record<SwitchOver, readonly [before: string, after: string]>> = {
  restart: ["shut down", "start until ready"],
  "next-reboot": ["shut down", "start until ready"],
  suspend: ["freeze", "thaw until ready"],
  migrate: ["hand over", "run on until ready"],
};

const OTHERS = "of other guests here";
const NONE_ON_RECORD = "a guess: no move on this host is on record";
const GUESSED = {
  shutdown: { seconds: GUESS.shutdown, how: NONE_ON_RECORD }, start: { seconds: GUESS.start, how: NONE_ON_RECORD },
};

function moves(runs: readonly unknown[]): string {
  return `${runs.length} past ${runs.length === 1 ? "move" : "moves"}`;
}

/** Seconds that a part of it takes in any case, and bytes of all of a guest's memory that are written or read then. */
interface MemoryGuess {
  readonly base: number;
  readonly bytesOf: (memory: number) => number;
  readonly how: (bytes: number) => string;
}

const AT_RATE = `at ${formatBytes(GUESS.memory)}/s`;
const ALL_OF_IT: MemoryGuess = { base: GUESS.freeze, bytesOf: (memory) => memory, how: (bytes) => `a guess: ${formatBytes(bytes)} of memory ${AT_RATE}` };
const MIGRATED: Readonly<Record<keyof Overhead, MemoryGuess>> = {
  // what the guest wrote to since the round before is copied while it stands still, and its devices are made then
  shutdown: {
    base: GUESS.freeze, bytesOf: (memory) => Math.round(memory * GUESS.changed),
    how: (bytes) => `a guess: the last ${formatBytes(bytes)} of memory ${AT_RATE}, and its devices`,
  },
  start: { base: GUESS.devices, bytesOf: () => 0, how: () => "a guess: no migration on this host is on record" },
};

/** Where a guest's memory has a part in it. */
function guessOf(switchOver: SwitchOver): Readonly<Record<keyof Overhead, MemoryGuess>> | undefined {
  if (switchOver === "suspend") return { shutdown: ALL_OF_IT, start: ALL_OF_IT };
  return switchOver === "migrate" ? MIGRATED : undefined;
}

function secondsOf({ base, bytesOf }: MemoryGuess, memory: number): number {
  return base + bytesOf(memory) / GUESS.memory;
}

/** Seconds in any case, and seconds a byte. */
interface Line {
  readonly base: number;
  readonly slope: number;
}

/**
 * By what it took for other guests here: a base, and memory at a rate. How much of the time of one run was base and how much was
 * rate is not seen, so it is taken to have been as in the guess; but the wait until a guest is ready, which is no matter of memory, is
 * what its start took beyond that at the rate at which its memory was taken down. Of all runs those count that are next to this guest
 * in memory, within twice.
 * @param memory bytes, page tables and all, as {@link savedBytes} has them
 */
function byMemory(runs: readonly PastRun[], part: keyof Overhead, guesses: Readonly<Record<keyof Overhead, MemoryGuess>>, memory: number): Reckoned {
  const guess = guesses[part];
  const known = runs.flatMap((run) => {
    const { memoryMiB = 0, shutdownSeconds, startSeconds } = run;
    if (memoryMiB <= 0 || shutdownSeconds <= 0 || startSeconds <= 0) return [];
    const bytes = withOverhead(memoryMiB * 1024 ** 2);
    return [{ line: lineOf(run, part, guesses, bytes), apart: Math.abs(Math.log2(bytes / memory)) }];
  });
  const nearest = Math.min(...known.map(({ apart }) => apart));
  const near = known.filter(({ apart }) => apart <= nearest + 1);
  const bytes = guess.bytesOf(memory);
  const at = ({ base, slope }: Line): number => base + slope * bytes;
  const lines = near.map(({ line }) => line).sort((a, b) => at(a) - at(b));
  const line = lines[Math.floor(lines.length / 2)];
  if (line === undefined) return { seconds: tenths(secondsOf(guess, memory)), how: guess.how(bytes) };
  const rate = bytes === 0 || line.slope === 0 ? "" : ` and ${formatBytes(bytes)} of memory at ${formatBytes(Math.round(1 / line.slope))}/s`;
  return { seconds: tenths(at(line)), how: `${tenths(line.base)} s${rate}, by ${moves(near)} ${OTHERS}` };
}

/** @param memory of the guest that the run was about */
function lineOf(run: PastRun, part: keyof Overhead, guesses: Readonly<Record<keyof Overhead, MemoryGuess>>, memory: number): Line {
  const guess = guesses[part];
  const scaled = (factor: number): Line => ({ base: guess.base * factor, slope: factor / GUESS.memory });
  const pace = run.shutdownSeconds / secondsOf(guesses.shutdown, memory);
  const rest = took(run, part) - secondsOf(guess, memory) * pace;
  if (rest < 0) return scaled(took(run, part) / secondsOf(guess, memory));
  const { base, slope } = scaled(pace);
  return { base: base + rest, slope };
}
