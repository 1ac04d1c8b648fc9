import type { RunEvent } from "../../core/model/run-event.js";
import { readRunEvent } from "../../core/render/read-event.js";
import type { HostRuns } from "./target.js";
import { Unreachable } from "./target.js";

export interface FollowOptions {
  readonly runs: HostRuns;
  /** Of the run, in the host's books. */
  readonly directory: string;
  readonly onEvent: (event: RunEvent) => void;
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
 * the last event seen (its number is its line); the run itself notices nothing of that.
 */
export async function followRun(options: FollowOptions): Promise<Followed> {
  const { runs, directory, onEvent, say, leave } = options;
  const sleep = options.sleep ?? pause;
  let next = options.firstLine ?? 1;
  let attempt = 0;
  // one object, since the callback below changes it
  const journal = { ended: false };
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
