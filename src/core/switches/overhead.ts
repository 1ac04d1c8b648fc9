import { formatBytes } from "../model/bytes.js";
import type { Domain } from "../model/domain.js";
import type { HostState, PastRun } from "../model/host-state.js";
import { median, tenths } from "../strategies/rates.js";
import type { ForecastPart, SwitchOver } from "../strategies/strategy.js";
import { savedBytes } from "./choose.js";

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
 * What it takes to get a guest off its disk and onto another: by its own past runs where it has any. For a restart those of
 * other guests do as well; what a suspension or a migration takes goes with a guest's memory, of which the books say nothing.
 */
export function overhead(domain: Domain, { history }: HostState, switchOver: SwitchOver = "restart"): Overhead {
  const alike = history.filter((run) => (run.switch ?? "restart") === switchOver);
  const own = alike.filter((run) => run.domain === domain.name);
  const ofMemory = switchOver === "suspend" || switchOver === "migrate";
  const runs = own.length > 0 || ofMemory ? own : alike;
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

const NONE_ON_RECORD = "a guess: no move on this host is on record";
const GUESSED = {
  shutdown: { seconds: GUESS.shutdown, how: NONE_ON_RECORD }, start: { seconds: GUESS.start, how: NONE_ON_RECORD },
};

function memoryGuess(domain: Domain): Overhead {
  const bytes = savedBytes(domain);
  const reckoned = {
    seconds: tenths(GUESS.freeze + bytes / GUESS.memory),
    how: `a guess: ${formatBytes(bytes)} of memory at ${formatBytes(GUESS.memory)}/s`,
  };
  return { shutdown: reckoned, start: reckoned };
}

/** What the guest wrote to since the round before is copied while it stands still, and its devices are made then. */
function migrateGuess(domain: Domain): Overhead {
  const bytes = Math.round(savedBytes(domain) * GUESS.changed);
  return {
    shutdown: {
      seconds: tenths(GUESS.freeze + bytes / GUESS.memory),
      how: `a guess: the last ${formatBytes(bytes)} of memory at ${formatBytes(GUESS.memory)}/s, and its devices`,
    },
    start: { seconds: GUESS.devices, how: "a guess: no migration of this guest is on record" },
  };
}
