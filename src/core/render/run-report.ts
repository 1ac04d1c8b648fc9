import type { HowBack, Outcome, RunEvent } from "../model/run-event.js";

/** What a copy told of itself last, and the step that it did so in. */
interface Progress {
  readonly bytes: number;
  readonly since: number;
  readonly until: number;
  readonly step: string | undefined;
}

/** What a run's journal comes to: folded event by event, so that it is always what is known so far. */
export interface RunReport {
  readonly run?: string;
  readonly beganAt?: number;
  readonly endedAt?: number;
  readonly outcome?: Outcome;
  readonly message?: string;
  readonly lastSeq: number;
  /** The step that is under way. */
  readonly step?: { readonly id: string; readonly title: string; readonly since: number };
  readonly stepsDone: number;
  /** Ids of steps that were done, or did not have to be. */
  readonly held: readonly string[];
  readonly passes: readonly Pass[];
  /** How long volumes stood still at most, snapshot by snapshot. */
  readonly frozen: readonly { readonly volume: string; readonly seconds: number }[];
  /** What was written while blocks were copied beforehand, by the steps that mirror it. */
  readonly deltas: readonly { readonly id: string; readonly bytes: number; readonly of: number }[];
  /** Bytes by step, as last told: steps that copy without passes. */
  readonly progress: Readonly<Record<string, Progress>>;
  /** The run waits for a time of day: as it was told last, and unset once it goes on. */
  readonly waiting?: Omit<Extract<RunEvent, { event: "waiting" }>, "event" | "seq">;
  /** A clone came up, after so many seconds, by this sign. */
  readonly rehearsed?: { readonly seconds: number; readonly by: string };
  readonly isDown: boolean;
  /** When it was taken down last. */
  readonly downAt?: number;
  /** How it came back, where no step waited until it was ready; the downtime is until then, and unset where nobody knows it. */
  readonly back?: HowBack;
  readonly committed: boolean;
  readonly downtimeSeconds?: number;
  readonly failure?: Failure;
  readonly undone: readonly string[];
  readonly watched: readonly string[];
  readonly notes: readonly string[];
}

interface Pass {
  readonly id: string;
  readonly seconds: number;
  readonly bytes: number;
}

interface Failure {
  readonly id: string;
  readonly exit: number;
  readonly message: string;
  readonly tail: string;
}

export const emptyReport: RunReport = {
  lastSeq: 0, stepsDone: 0, held: [], passes: [], frozen: [], deltas: [], progress: {}, isDown: false, committed: false, undone: [], watched: [], notes: [],
};

/** The report with one more event. An event that was seen already changes nothing. */
export function withEvent(report: RunReport, event: RunEvent): RunReport {
  if (event.seq <= report.lastSeq) return report;
  const next = { ...report, lastSeq: event.seq };
  switch (event.event) {
    case "begin": return { ...next, run: event.run, beganAt: report.beganAt ?? event.at };
    case "step": return { ...next, step: { id: event.id, title: event.title, since: event.at } };
    case "waiting": {
      const { event: _waiting, seq: _seq, ...waiting } = event;
      return { ...next, waiting };
    }
    case "done": return { ...withoutStep(next), stepsDone: report.stepsDone + 1, held: [...report.held, event.id] };
    case "skip": return { ...withoutStep(next), held: [...report.held, event.id] };
    case "failed": return { ...next, failure: { id: event.id, exit: event.exit, message: event.message, tail: event.tail } };
    case "progress": {
      const { step } = report;
      // zeroes are nothing that was carried
      if (step?.id.endsWith(".zero-volume") === true) return next;
      const known = report.progress[event.id];
      // each pass over a disk's files tells of it under the disk's name
      const since = known !== undefined && known.step === step?.id ? known.since : step?.since ?? event.at;
      return { ...next, progress: { ...report.progress, [event.id]: { bytes: event.bytes, since, until: event.at, step: step?.id } } };
    }
    case "pass": {
      // what its copies told is in it
      const progress = Object.fromEntries(Object.entries(report.progress).filter(([, { step }]) => step?.endsWith(".copy") !== true));
      return { ...next, progress, passes: [...report.passes, { id: event.id, seconds: event.seconds, bytes: event.bytes }] };
    }
    case "watch": return event.acted === "" ? next : { ...next, watched: [...report.watched, `${event.what}: ${event.value}, ${event.acted}`] };
    case "frozen": return { ...next, frozen: [...report.frozen, { volume: event.volume, seconds: event.seconds }] };
    case "delta": return { ...next, deltas: [...report.deltas, { id: event.id, bytes: event.bytes, of: event.of }] };
    case "rehearsed": return { ...next, rehearsed: { seconds: event.seconds, by: event.by } };
    case "down": return { ...withoutBack(next), isDown: true, downAt: event.at };
    case "commit": return { ...next, committed: true };
    case "ready": return { ...withoutBack(next), isDown: false, downtimeSeconds: event.downtime };
    case "back": {
      const { downtimeSeconds: _until, ...rest } = next;
      return { ...rest, isDown: false, back: event.how, ...(event.downtime === undefined ? {} : { downtimeSeconds: event.downtime }) };
    }
    case "undo": return { ...next, undone: [...report.undone, event.what] };
    case "note": return { ...next, notes: [...report.notes, event.message] };
    case "stopping": return next;
    case "end": return { ...withoutStep(next), endedAt: event.at, outcome: event.outcome, message: event.message };
  }
}

function withoutBack(report: RunReport): RunReport {
  const { back: _last, ...rest } = report;
  return rest;
}

function withoutStep(report: RunReport): RunReport {
  const { step: _ended, waiting: _over, ...rest } = report;
  return rest;
}

/** What a whole journal comes to. */
export function reportOf(events: readonly RunEvent[]): RunReport {
  return events.reduce(withEvent, emptyReport);
}

/** Bytes that were copied, in which time: from the passes, and from the progress of steps that have none. */
export function copied(report: RunReport): { readonly bytes: number; readonly seconds: number } {
  const passIds = new Set(report.passes.map((pass) => pass.id));
  const others = Object.entries(report.progress).filter(([id]) => !passIds.has(id)).map(([, value]) => value);
  const bytes = sum(report.passes.map((pass) => pass.bytes)) + sum(others.map((other) => other.bytes));
  const seconds = sum(report.passes.map((pass) => pass.seconds)) + sum(others.map((other) => other.until - other.since));
  return { bytes, seconds };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
