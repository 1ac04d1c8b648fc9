import { SUBMIT } from "./runtime.generated.js";
import { safeName } from "../model/names.js";
import { booksOfRun, unitCommand } from "../model/unit.js";
import type { Command } from "../model/command.js";

/** Who wants what, when. */
export interface Submission {
  readonly domain: string;
  readonly digest: string;
  /** Shown to whoever finds the guest locked: `alice@laptop`. */
  readonly owner: string;
  /** Name of the run: sorts by time, plain characters only. */
  readonly stamp: string;
  /** Of the run's unit, 1 to 10000; the guests are outside of it. */
  readonly ioWeight?: number;
}

/**
 * The command that brings a program onto its host and starts it; {@link submissionInput} is its input.
 * @param directory where the run's books are on that host
 */
export function submitCommand(submission: Submission, directory = booksOfRun(submission.domain, submission.stamp)): Command {
  const { domain, digest, owner, stamp, ioWeight } = submission;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(stamp)) throw new RangeError(`not a plain stamp: ${stamp}`);
  return ["sh", "-c", SUBMIT, "sh", safeName(domain), digest, owner, stamp, ...unitCommand(domain, directory, ioWeight)];
}

/** Program and saved plan in one stream: a line with their lengths in bytes, then both. */
export function submissionInput(program: string, planJson: string): Uint8Array {
  const bytes = new TextEncoder();
  const first = bytes.encode(program);
  const second = bytes.encode(planJson);
  const head = bytes.encode(`${String(first.length)} ${String(second.length)}\n`);
  const all = new Uint8Array(head.length + first.length + second.length);
  all.set(head, 0);
  all.set(first, head.length);
  all.set(second, head.length + first.length);
  return all;
}

export type SubmitAnswer =
  /** It runs now; its books are in this directory. */
  | { readonly answer: "started"; readonly directory: string; readonly notes: readonly string[] }
  /** The same desired state is being brought about already: follow that. */
  | { readonly answer: "attach"; readonly directory: string; readonly notes: readonly string[] }
  /** Somebody else wants something else of this guest. */
  | { readonly answer: "held"; readonly by: LockHolder; readonly notes: readonly string[] }
  | { readonly answer: "refused"; readonly why: string; readonly notes: readonly string[] };

export interface LockHolder {
  readonly owner: string;
  /** Seconds since the epoch by the host's clock. */
  readonly since: number;
  readonly digest: string;
  readonly run: string;
}

/**
 * What the submission answered. Anything that is no answer is a refusal that shows what came instead.
 * @param stderr shown where stdout says nothing
 */
export function parseSubmitAnswer(stdout: string, exitCode: number, stderr = ""): SubmitAnswer {
  const lines = stdout.split("\n").filter((line) => line !== "");
  const notes = lines.filter((line) => line.startsWith("note ")).map((line) => line.slice("note ".length));
  const last = lines.findLast((line) => !line.startsWith("note ")) ?? "";
  const [word, rest] = split(last);
  if ((word === "started" || word === "attach") && rest.startsWith("/") && exitCode === 0) {
    return { answer: word, directory: rest, notes };
  }
  if (word === "held") {
    const by = parseHolder(rest);
    if (by !== undefined) return { answer: "held", by, notes };
  }
  if (word === "refused") return { answer: "refused", why: rest, notes };
  const seen = [stderr.trim().split("\n").at(-1) ?? "", last].find((text) => text !== "") ?? "no output";
  return { answer: "refused", why: `the host did not take the program (exit ${String(exitCode)}): ${seen}`, notes };
}

function split(line: string): readonly [string, string] {
  const space = line.indexOf(" ");
  return space === -1 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
}

function parseHolder(text: string): LockHolder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const holder: Record<string, unknown> = { ...value };
  const { owner, since, digest, run } = holder as { owner?: unknown; since?: unknown; digest?: unknown; run?: unknown };
  if (typeof owner !== "string" || typeof since !== "number" || !Number.isFinite(since) || typeof digest !== "string" || typeof run !== "string") {
    return undefined;
  }
  return { owner, since, digest, run };
}
