import { own } from "../model/own.js";
import type { HowBack, Outcome, RunEvent } from "../model/run-event.js";

/**
 * One line of a journal. Undefined for a line that is none: one that was torn by a power cut, or of a kind that a
 * newer converge wrote; a reader goes on with the next.
 */
export function readRunEvent(line: string): RunEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const event = value as Record<string, unknown>;
  const fields = typeof event["event"] === "string" ? own(FIELDS, event["event"]) : undefined;
  if (fields === undefined || !isFinite(event["at"]) || !isLineNumber(event["seq"])) return undefined;
  const fits = Object.entries(fields).every(([name, type]) => fitsType(event[name], type));
  if (!fits) return undefined;
  const read = value as RunEvent;
  // one that this version has no words for says no more than that it runs
  if (read.event === "back" && !Object.hasOwn(HOWS, read.how)) return { ...read, how: "found" };
  // an end of a kind that this version does not know is not taken for a good one
  return read.event === "end" && !Object.hasOwn(OUTCOMES, read.outcome) ? { ...read, outcome: "failed" } : read;
}

function fitsType(value: unknown, type: FieldType): boolean {
  if (type === "number?" && value === undefined) return true;
  return type === "string" ? typeof value === "string" : isFinite(value);
}

/** JSON has numbers that are too large to be one: `1e999`. */
function isFinite(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function isLineNumber(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

const OUTCOMES: Readonly<Record<Outcome, true>> = { done: true, failed: true, refused: true, stopped: true, stuck: true };

const HOWS: Readonly<Record<HowBack, true>> = { started: true, restored: true, resumed: true, stayed: true, found: true };

type FieldType = "string" | "number" | "number?";

/** What each event has to hold; the host is not trusted to send what it should. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = {
  begin: { run: "string", domain: "string", digest: "string", owner: "string" },
  step: { id: "string", kind: "string", phase: "string", title: "string" },
  skip: { id: "string", why: "string" },
  done: { id: "string", seconds: "number" },
  failed: { id: "string", exit: "number", message: "string", tail: "string" },
  progress: { id: "string", bytes: "number", percent: "number", rate: "number", left: "number" },
  watch: { id: "string", what: "string", value: "string", acted: "string" },
  pass: { id: "string", number: "number", seconds: "number", bytes: "number", forecast: "number", verdict: "string" },
  frozen: { volume: "string", seconds: "number" },
  delta: { id: "string", bytes: "number", of: "number" },
  rehearsed: { domain: "string", seconds: "number", by: "string" },
  waiting: { id: "string", domain: "string", window: "string", opens: "number", clock: "string" },
  down: { domain: "string" },
  commit: { domain: "string" },
  ready: { domain: "string", downtime: "number" },
  back: { domain: "string", how: "string", downtime: "number?" },
  undo: { id: "string", what: "string" },
  stopping: { why: "string" },
  note: { message: "string" },
  end: { outcome: "string", message: "string" },
};
