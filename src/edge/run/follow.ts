import type { RunEvent } from "../../core/model/run-event.js";
import { readRunEvent } from "../../core/render/read-event.js";
import type { HostRuns } from "./target.js";
import { Unreachable } from "./target.js";

export interface FollowOptions {
  readonly runs: HostRuns;
  /** Of the run, in the host's books. */
  readonly directory: string;
  readonly onEvent: (event: RunEvent) => void;
  /** From this line on what was handed over is not in the journal any more, and other events come in its place. */
  readonly onCut?: (line: number) => void;
  readonly say: (text: string) => void;
  /** Aborted: nobody wants to watch any more. */
  readonly leave: AbortSignal;
  /** Waits; tests make it short. */
  readonly sleep?: (seconds: number, leave: AbortSignal) => Promise<void>;
  readonly firstLine?: number;
}

/** ended: the journal says so. left: the user left. lost: the host did not come back. silent: it stopped without an end. */
export type Followed = "ended" | "left" | "lost" | "silent";

/** Seconds between attempts to reach a host again: about ten minutes in all, enough for it to reboot. */
const WAITS: readonly number[] = [1, 2, 5, 10, 15, 30, 30, 60, 60, 60, 120, 120, 120];

/**
 * Follows a run to its end. When the connection is lost it is made again and the journal read on from the line after
 * the last event seen (its number is its line); the run itself notices nothing of that. Where the host has lost its power, what was not
 * on disk of the journal is gone, and it goes on from there: then it comes from its beginning, and what is known of it is passed over.
 */
export async function followRun(options: FollowOptions): Promise<Followed> {
  const { runs, directory, onEvent, say, leave } = options;
  const sleep = options.sleep ?? pause;
  let next = options.firstLine ?? 1;
  let attempt = 0;
  // one object, since the callback below changes it
  const journal = { ended: false };
  /** By their numbers. */
  const seen: string[] = [];
  for (;;) {
    let lost: string;
    try {
      await runs.follow(directory, next, (line) => {
        if (leave.aborted || journal.ended) return;
        const event = readRunEvent(line);
        // what a login shell prints before the journal is no line of it; one that says nothing may come again
        if (event === undefined) return;
        if (attempt > 0) say("connected again");
        attempt = 0;
        if (event.seq < next) {
          if (seen[event.seq] === line) return;
          say("the host had lost its power, and with it the end of the journal: it is told anew from there");
          options.onCut?.(event.seq);
        }
        seen[event.seq] = line;
        next = event.seq + 1;
        onEvent(event);
        journal.ended = event.event === "end";
      }, leave);
      if (journal.ended) return "ended";
      if (leave.aborted) return "left";
      // a follower that ends without an end: the program died, and a later run will recover it
      return "silent";
    } catch (error) {
      if (journal.ended) return "ended";
      if (leave.aborted) return "left";
      if (!(error instanceof Unreachable)) throw error;
      lost = error.message;
    }
    const wait = WAITS[attempt];
    if (wait === undefined) return "lost";
    attempt += 1;
    say(`connection lost (${lost}); the run goes on on the host; trying again in ${wait} s (${attempt} of ${WAITS.length})`);
    await sleep(wait, leave);
    if (hasLeft(leave)) return "left";
  }
}

/** Asked anew: the user may have left during the wait. */
function hasLeft(leave: AbortSignal): boolean {
  return leave.aborted;
}

/** Waits, or until nobody wants to any more. */
export async function pause(seconds: number, leave: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, seconds * 1000);
    function done(): void {
      clearTimeout(timer);
      leave.removeEventListener("abort", done);
      resolve();
    }
    leave.addEventListener("abort", done);
  });
}
