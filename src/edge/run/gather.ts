import { GATHER_SHELL, gatherScript, parseFrames, type Frames } from "../../core/facts/gather-script.js";
import { firstRound, readFacts, secondRound, type Question, type Readings } from "../../core/facts/readings.js";
import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";
import type { HostState } from "../../core/model/host-state.js";
import { observe, observeFacts } from "../../core/observe/observe.js";
import type { Host } from "../hosts/host.js";
import { ownMistake } from "./own-mistake.js";

export interface Gathered {
  readonly state: HostState;
  readonly readings: Readings;
}

/**
 * Asks a host what it is, in at most two round trips, and changes nothing there.
 * @returns no value where the host could not be reached, or where what it says is no ground to plan on
 */
export async function gatherHost(host: Host, signal?: AbortSignal): Promise<Checked<Gathered>> {
  try {
    return await gather(host, signal);
  } catch (error) {
    return { value: undefined, diagnostics: [ownMistake(host.name, error)] };
  }
}

async function gather(host: Host, signal: AbortSignal | undefined): Promise<Checked<Gathered>> {
  if (host.recorded !== undefined) return fromRecording(await host.recorded());
  const first = await ask(host, firstRound(), signal);
  if (first.value === undefined) return { value: undefined, diagnostics: first.diagnostics };
  const diagnostics: Diagnostic[] = [...first.diagnostics];
  const read = readFacts(first.value.results);
  const questions = secondRound(read.values);
  if (questions.length === 0) {
    const readings: Readings = { version: 1, host: host.name, results: first.value.results };
    return withState(observeFacts(host.name, read.values, read.diagnostics), readings, diagnostics);
  }
  const second = await ask(host, questions, signal);
  if (second.value === undefined) return { value: undefined, diagnostics: [...diagnostics, ...second.diagnostics] };
  const results = { ...first.value.results, ...second.value.results };
  const rest = readFacts(second.value.results);
  const state = observeFacts(
    host.name, { ...read.values, ...rest.values }, [...read.diagnostics, ...rest.diagnostics]);
  return withState(state, { version: 1, host: host.name, results }, [...diagnostics, ...second.diagnostics]);
}

function fromRecording(readings: Checked<Readings>): Checked<Gathered> {
  if (readings.value === undefined) return { value: undefined, diagnostics: readings.diagnostics };
  return withState(observe(readings.value), readings.value, readings.diagnostics);
}

function withState(
  state: Checked<HostState>,
  readings: Readings,
  before: readonly Diagnostic[],
): Checked<Gathered> {
  const diagnostics = [...before, ...state.diagnostics];
  return { value: state.value === undefined ? undefined : { state: state.value, readings }, diagnostics };
}

/** One round trip. */
async function ask(host: Host, questions: readonly Question[], signal?: AbortSignal): Promise<Checked<Frames>> {
  const seconds = questions.reduce((sum, question) => sum + question.seconds + 5, 30);
  const ran = await host.run(GATHER_SHELL, {
    stdin: gatherScript(questions),
    timeoutMs: seconds * 1000,
    ...(signal === undefined ? {} : { signal }),
  });
  if (ran.value === undefined) return { value: undefined, diagnostics: ran.diagnostics };
  const frames = parseFrames(ran.value.stdout);
  if (frames.finished) return { value: frames, diagnostics: frames.diagnostics };
  const said = ran.value.stderr.trim().split("\n").slice(-6).join("\n");
  return {
    value: undefined,
    diagnostics: [...frames.diagnostics, {
      severity: "error",
      code: "host-unreadable",
      summary: `${host.name} did not answer to the end (exit code ${ran.value.exitCode})`,
      ...(said === "" ? {} : { detail: said }),
      subject: { host: host.name },
      fix: "Check that a POSIX sh and coreutils work for this login.",
    }],
  };
}
