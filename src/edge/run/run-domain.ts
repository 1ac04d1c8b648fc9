import type { RunEvent } from "../../core/model/run-event.js";
import type { GuestEnd } from "../../core/render/recap.js";
import type { RunReport } from "../../core/render/run-report.js";
import { readRunEvent } from "../../core/render/read-event.js";
import { emptyReport, reportOf, withEvent } from "../../core/render/run-report.js";
import { followRun, pause } from "./follow.js";
import type { FollowOptions } from "./follow.js";
import type { Interruption } from "./interruption.js";
import type { HostRuns, Order } from "./target.js";
import { Unreachable } from "./target.js";
import { unlessLeft } from "../hosts/unless-left.js";

/** Somebody who shows what happens. */
export interface Watcher {
  readonly event: (event: RunEvent) => void;
  readonly say: (text: string) => void;
  readonly close: () => void;
}

export interface DomainRun {
  readonly end: GuestEnd;
  readonly report: RunReport;
  readonly message?: string;
  /** Its program died without a word: the run does not go on by itself. */
  readonly died?: true;
  /** The host went away before anything was started there. */
  readonly unreachable?: true;
  /** It was sent, and nothing was heard of it: whether it has begun is not known. */
  readonly unheard?: true;
  /** What converge itself did wrong about it. What was heard until then is in the report, and the run knows nothing of it. */
  readonly mistake?: Error;
}

export interface WatchOptions {
  readonly runs: HostRuns;
  readonly watcher: Watcher;
  readonly interruption: Interruption;
  readonly sleep?: FollowOptions["sleep"];
  /** Nobody watches a run that waits for a time of day: it goes on by itself. */
  readonly leavesWaiting?: boolean;
}

/** Starts a guest's program on its host and watches it to its end, or joins the one that already runs for this plan. */
export async function runDomain(order: Order, options: WatchOptions): Promise<DomainRun> {
  let directory: string;
  const { interruption, watcher } = options;
  const stopListening = interruption.listen((wish) => {
    if (wish === "stop") watcher.say("the program is on its way to the host: once it is there, it is asked to stop; Ctrl-C again leaves it to itself");
  });
  try {
    const submission = await unlessLeft(options.runs.submit(order, interruption.left), interruption.left);
    if (submission === "left") {
      watcher.close();
      return { end: "detached", report: emptyReport, message: "nobody waited for the host's answer: whether it has begun there is not known" };
    }
    submission.notes.forEach(options.watcher.say);
    if (submission.answer === "held") return { end: "held", report: emptyReport, message: submission.message };
    if (submission.answer === "attached") options.watcher.say("this run is under way already: following it");
    directory = submission.directory;
  } catch (error) {
    if (!(error instanceof Unreachable)) return { ...mistaken(error), unheard: true };
    if (error.isUnsent) return { end: "not-started", report: emptyReport, message: error.message, unreachable: true };
    // it may have been started all the same: the same plan given again attaches to it
    return { end: "lost", report: emptyReport, message: error.message, unreachable: true, unheard: true };
  } finally {
    stopListening();
  }
  return watchDomain(directory, options);
}

/** After a mistake that is told anyhow: where that is in what shows things, nothing more can be shown. */
function leaveUnsaid(say: () => void): void {
  try {
    say();
  } catch {
    // the first mistake is the one to know of
  }
}

/** What is told of a run that converge has made a mistake about: what it has done until then is no less true, and its end if that was heard. */
export function mistaken(error: unknown, report: RunReport = emptyReport): DomainRun & { readonly mistake: Error } {
  const mistake = error instanceof Error ? error : new Error(String(error));
  return { end: report.outcome ?? "lost", report, message: "converge made a mistake about it: see the error", mistake };
}

const SECONDS_TO_ASK_AGAIN = 5;
const MOST_SECONDS_TO_ASK_AGAIN = 120;

/** Follows a run that is under way, and passes the user's wishes on to it. */
export async function watchDomain(directory: string, options: WatchOptions): Promise<DomainRun> {
  const { runs, watcher, interruption } = options;
  let report = emptyReport;
  // one object, since the callback below changes it
  const left: { waiting: boolean; asked?: Promise<void>; mistake?: unknown } = { waiting: false };
  const leave = new AbortController();
  const over = new AbortController();
  const stopListening = interruption.listen((wish) => {
    if (wish === "detach") leave.abort();
    else void askToStop(options, directory, () => report, over.signal).catch((error: unknown) => {
      left.mistake = error;
      leaveUnsaid(() => { watcher.say("the run may not have been asked to stop, by a mistake of converge's own; Ctrl-C again leaves it to itself"); });
    });
  });
  try {
    const followed = await followRun({
      runs, directory, leave: leave.signal, say: watcher.say,
      onCut: () => {
        report = emptyReport;
      },
      onEvent: (event) => {
        report = withEvent(report, event);
        watcher.event(event);
        if (event.event !== "waiting" || options.leavesWaiting !== true) return;
        left.asked = stillWaits(runs, directory, over.signal, options.sleep ?? pause).then((still) => {
          if (!still) return;
          left.waiting = true;
          leave.abort();
        });
        // an error of it is awaited below: nobody is to follow for hours before it is told
        left.asked.catch(() => {
          leave.abort();
        });
      },
      ...(options.sleep === undefined ? {} : { sleep: options.sleep }),
    });
    over.abort();
    if (left.asked !== undefined) await unlessLeft(left.asked, interruption.left);
    const ended: DomainRun = followed === "left" && left.waiting ? { end: "waiting", report } : { report, ...endOf(followed, report) };
    return left.mistake === undefined ? ended : { ...ended, mistake: mistaken(left.mistake).mistake };
  } catch (error) {
    return mistaken(error, report);
  } finally {
    over.abort();
    stopListening();
    watcher.close();
  }
}

/**
 * The journal may tell of a wait that is over: then what comes after it is in there too. The host is asked until it answers,
 * or nobody wants to know any more, for the wait is told of once.
 */
async function stillWaits(runs: HostRuns, directory: string, over: AbortSignal, sleep: NonNullable<FollowOptions["sleep"]>): Promise<boolean> {
  while (!over.aborted) {
    try {
      const lines = await runs.journal(directory) ?? [];
      return reportOf(lines.flatMap((line) => readRunEvent(line) ?? [])).waiting !== undefined;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      await sleep(SECONDS_TO_ASK_AGAIN, over);
    }
  }
  return false;
}

function endOf(followed: "ended" | "left" | "lost" | "silent", report: RunReport): { end: GuestEnd; message?: string; died?: true } {
  switch (followed) {
    case "ended": return { end: report.outcome ?? "failed" };
    case "left": return { end: "detached" };
    case "lost": return { end: "lost" };
    case "silent":
      return { end: "lost", died: true, message: "the run ended without a word: its program was killed; `converge resume` takes it from there" };
  }
}

/** Until the host has heard it: the connection may be gone at this very moment, and followed again later. */
async function askToStop(
  { runs, watcher, sleep = pause }: WatchOptions, directory: string, report: () => RunReport, over: AbortSignal,
): Promise<void> {
  const { step, committed, waiting } = report();
  const doing = step === undefined ? "" : `; it waits for: ${step.title}`;
  watcher.say(committed && waiting === undefined
    ? "the guest is on its new disks already: the run ends by itself in a moment; Ctrl-C again leaves it to itself"
    : `asked to stop at the next safe point${doing}; Ctrl-C again leaves it to itself`);
  for (let tries = 0; !over.aborted; tries += 1) {
    try {
      const why = await runs.stop(directory);
      if (why !== undefined) watcher.say(`the run can not be asked to stop, and goes on: ${why}; Ctrl-C again leaves it to itself`);
      return;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      if (tries === 0) watcher.say(`the host has not heard it yet: ${error.message}; it is asked again until it does; Ctrl-C again leaves the run to itself`);
    }
    // more and more seldom: each time is a login, and ssh may ask for a pass phrase
    await sleep(Math.min(SECONDS_TO_ASK_AGAIN * 2 ** tries, MOST_SECONDS_TO_ASK_AGAIN), over);
  }
}
