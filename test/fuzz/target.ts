import type { Diagnostic } from "../../src/core/model/diagnostic.js";
import { processorMs } from "../support/processor.js";

/** Something that reads what others wrote, and what has to hold whatever that is. */
export interface Target {
  readonly name: string;
  /** Real inputs to begin with. */
  readonly seeds: () => readonly Uint8Array[];
  /** Words of the language: what a mutation puts in. */
  readonly words: readonly string[];
  /** Throws where something does not hold. */
  readonly run: (input: Uint8Array) => void;
}

/** How long one input may take. Inputs are small; the time is for a busy machine. */
export const LONGEST_MS = 3000;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Bytes as a host's output or a file is decoded. */
export function textOf(input: Uint8Array): string {
  return decoder.decode(input);
}

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** What every complaint has to be. */
export function wellFormed(diagnostics: readonly Diagnostic[]): void {
  for (const { code, summary, at } of diagnostics) {
    if (!/^[a-z]+\d*(-[a-z0-9]+)*$/.test(code) || summary === "") throw new Error(`a complaint without words: ${code}`);
    if (at === undefined) continue;
    if (at.start < 0 || at.end < at.start || at.end > at.source.text.length) throw new Error(`${code} is nowhere: ${String(at.start)} to ${String(at.end)}`);
  }
}

/** A target that reads text. */
export function onText(
  name: string, seeds: () => readonly string[], words: readonly string[], run: (text: string) => void,
): Target {
  return { name, words, seeds: () => seeds().map(bytesOf), run: (input) => { run(textOf(input)); } };
}

export function same(a: unknown, b: unknown, what: string): void {
  if (a !== b) throw new Error(`${what} differs: ${JSON.stringify(a).slice(0, 200)} is not ${JSON.stringify(b).slice(0, 200)}`);
}

const PROTOTYPES: readonly object[] = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype];
const MEMBERS = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

/** Runs a target on an input: no exception, in time, and nothing that all objects share has changed. */
export function check(target: Target, input: Uint8Array): void {
  const began = processorMs();
  target.run(input);
  const took = processorMs() - began;
  if (took > LONGEST_MS) throw new Error(`it took ${String(Math.round(took))} ms`);
  PROTOTYPES.forEach((prototype, i) => {
    if (Reflect.ownKeys(prototype).length !== MEMBERS[i]) throw new Error("a prototype was changed");
  });
}
