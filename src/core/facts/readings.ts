import type { CommandResult } from "../model/command.js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { Fact, FactValue } from "./fact.js";
import { unreadable } from "./fact.js";
import { facts } from "./registry.js";

/** What the commands of both rounds printed on one host, by the fact's name: all that is known, unread. */
export interface Readings {
  readonly version: 1;
  /** The inventory's name for the host. */
  readonly host: string;
  readonly results: Readonly<Record<string, CommandResult>>;
}

type Facts = typeof facts;

/** Every fact's value; one that could not be had is not there. */
export type FactValues = { readonly [K in keyof Facts]?: FactValue<Facts[K]> };

/** A command to run for a fact. */
export interface Question {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly seconds: number;
}

const entries = Object.entries(facts) as readonly (readonly [keyof Facts, Fact<unknown, FactValues>])[];
const DEFAULT_SECONDS = 120;

/** The commands of the first round: the same for every host. */
export function firstRound(): readonly Question[] {
  return entries.flatMap(([, fact]) =>
    fact.round === 1 ? [{ name: fact.name, command: fact.command, seconds: fact.seconds ?? DEFAULT_SECONDS }] : []);
}

/** The commands of the second round, for what the first one found; none where there is nothing to ask. */
export function secondRound(first: FactValues): readonly Question[] {
  return entries.flatMap(([, fact]) => {
    const command = fact.round === 2 ? fact.command(first) : undefined;
    return command === undefined ? [] : [{ name: fact.name, command, seconds: fact.seconds ?? DEFAULT_SECONDS }];
  });
}

/** Values, and what was noticed while they were read. */
export interface ReadFacts {
  readonly values: FactValues;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads what one command printed. Digits that are too many for a number are nonsense whatever they count: what was
 * reckoned from them would be nonsense as well.
 */
export function readFact(fact: Fact<unknown, FactValues>, result: CommandResult): Checked<unknown> {
  const checked = fact.parse(result);
  return holdsNonNumber(checked.value) ? unreadable(fact.name, result, "it holds a number that is none") : checked;
}

function holdsNonNumber(value: unknown): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  // heads of disks are bytes
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  if (Array.isArray(value)) return value.some(holdsNonNumber);
  for (const key in value) if (holdsNonNumber((value as Readonly<Record<string, unknown>>)[key])) return true;
  return false;
}

/** Reads what was printed. Facts without a result are left out. */
export function readFacts(results: Readings["results"]): ReadFacts {
  const values: Partial<Record<keyof Facts, unknown>> = {};
  const diagnostics: Diagnostic[] = [];
  for (const [key, fact] of entries) {
    const result = Object.hasOwn(results, fact.name) ? results[fact.name] : undefined;
    if (result === undefined) continue;
    const checked = readFact(fact, result);
    if (checked.value !== undefined) values[key] = checked.value;
    diagnostics.push(...checked.diagnostics);
  }
  return { values: values as FactValues, diagnostics };
}

/** The same readings without secrets: what a recording may hold. */
export function redactReadings(readings: Readings): Readings {
  const results: Record<string, CommandResult> = {};
  for (const [, fact] of entries) {
    const result = readings.results[fact.name];
    if (result !== undefined) results[fact.name] = fact.redact?.(result) ?? result;
  }
  return { ...readings, results };
}
