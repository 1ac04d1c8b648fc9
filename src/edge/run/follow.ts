import type { RunEvent } from "../../core/model/run-event.js";
import { readRunEvent } from "../../core/render/read-event.js";
import type { HostRuns } from "./target.js";
import { Unreachable } from "./target.js";

export interface FollowOptions {
  readonly runs: HostRuns;
  /** Of the run, in the host's books. */
  readonly directory: string;
  readonly onEvent: (event: RunEvent) => void;
  /** What was handed over is not what the journal says any more: it comes anew, from its first event. */
  readonly onCut?: () => void;
  readonly say: (text: string) => void;
  /** Aborted: nobody wants to watch any more. */
  readonly leave: AbortSignal;
  /** Waits; tests make it short. */
  readonly sleep?: (seconds: number, leave: AbortSignal) => Promise<void>;
}

/** ended: the journal says so. left: the user left. lost: the host did not come back. silent: it stopped without an end. */
export type Followed = "ended" | "left" | "lost" | "silent";

/** Seconds between attempts to reach a host again: about ten minutes in all, enough for it to reboot. */
const WAITS: readonly number[] = [1, 2, 5, 10, 15, 30, 30, 60, 60, 60, 120, 120, 120];

/**
 * Follows a run to its end. When the connection is lost it is made again and the journal read on from the last event seen (its number is
 * its line); the run itself notices nothing of that. Where the host has lost its power, what was not on disk of the journal is gone, and
 * it was written on from there: the last event seen is not what stands in its place, and all is told anew.
 */
export async function followRun(options: FollowOptions): Promise<Followed> {
  const { runs, directory, onEvent, say, leave } = options;
  const sleep = options.sleep ?? pause;
  let attempt = 0;
  // one object, since the callback below changes it
  const journal: { ended: boolean; last?: { readonly seq: number; readonly line: string } } = { ended: false };
  for (;;) {
    let lost: string;
    // what comes first, if all is as it was
    let known = journal.last;
    let greeted = false;
    const anew = new AbortController();
    try {
      await runs.follow(directory, known?.seq ?? 1, (line) => {
        if (leave.aborted || anew.signal.aborted || journal.ended) return;
        const event = readRunEvent(line);
        // what a login shell prints before the journal is no line of it; one that says nothing may come again
        if (event === undefined) return;
        if (attempt > 0 && !greeted) say("connected again");
        greeted = true;
        if (known !== undefined) {
          const isKnown = event.seq === known.seq && line === known.line;
          known = undefined;
          // no step forward: a connection that breaks each time behind it is given up like one that can not be made
          if (isKnown) return;
          say("the host had lost its power, and with it the end of the journal: the run is told anew");
          options.onCut?.();
          delete journal.last;
          // how far back it is another one is not known
          if (event.seq > 1) {
            anew.abort();
            return;
          }
        }
        attempt = 0;
        journal.last = { seq: event.seq, line };
        onEvent(event);
        journal.ended = event.event === "end";
      }, AbortSignal.any([leave, anew.signal]));
      if (journal.ended) return "ended";
      if (leave.aborted) return "left";
      if (anew.signal.aborted) continue;
      // a follower that ends without an end: the program died, and a later run will recover it
      return "silent";
    } catch (error) {
      if (journal.ended) return "ended";
      if (leave.aborted) return "left";
      if (!(error instanceof Unreachable)) throw error;
      if (anew.signal.aborted) continue;
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
