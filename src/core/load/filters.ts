import { Liquid } from "liquidjs";
import { typeName } from "./document.js";

/** Values longer than this are refused: nested variables could double themselves without bound. */
export const MAX_TEXT = 65_536;

/** LiquidJS's own filters that are kept, by the name they have here (Ansible's name, where it has one). */
const FROM_LIQUID: Readonly<Record<string, string>> = {
  upper: "upcase", lower: "downcase", capitalize: "capitalize", trim: "strip", replace: "replace",
  remove: "remove", append: "append", prepend: "prepend", split: "split", join: "join", first: "first", last: "last",
  size: "size", slice: "slice",
};

/** Those that Liquid reads more into, or less, than stands there: with it `false` and an empty text are defaulted, and `20GiB` plus 1 is 1. */
const OWN: Readonly<Record<string, (value: unknown, argument: unknown) => unknown>> = {
  default: (value, instead) => value ?? instead,
  plus: (value, other) => toNumber(value) + toNumber(other),
  minus: (value, other) => toNumber(value) - toNumber(other),
  times: (value, other) => toNumber(value) * toNumber(other),
  int: toInteger,
  string: String,
};

/** The filters that templates may use; everything else is refused by name. */
export const FILTER_NAMES: readonly string[] = [...Object.keys(FROM_LIQUID), ...Object.keys(OWN)];

/**
 * LiquidJS with nothing in it but the filters above: no tags, no templates from files, no inherited properties,
 * undefined variables and filters are errors.
 */
export function sandbox(): Liquid {
  const liquid = new Liquid({
    strictVariables: true, strictFilters: true, ownPropertyOnly: true, lenientIf: true, templates: {},
    memoryLimit: 1_000_000, parseLimit: MAX_TEXT, dynamicPartials: false, relativeReference: false,
  });
  const filters = { ...liquid.filters };
  for (const name of Object.keys(liquid.filters)) Reflect.deleteProperty(liquid.filters, name);
  for (const name of Object.keys(liquid.tags)) Reflect.deleteProperty(liquid.tags, name);
  for (const [name, origin] of Object.entries(FROM_LIQUID)) {
    const filter = filters[origin];
    if (filter !== undefined) liquid.registerFilter(name, filter);
  }
  for (const [name, filter] of Object.entries(OWN)) liquid.registerFilter(name, filter);
  return liquid;
}

const NUMBER = /^\s*[-+]?\d+(?:\.\d+)?\s*$/;

/** A number, or a text that is nothing else: of `20GiB` or `lots` no part is one. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && NUMBER.test(value) ? Number(value) : undefined;
}

function toNumber(value: unknown): number {
  const number = numberOf(value);
  if (number !== undefined) return number;
  throw new RangeError(value === undefined ? "a number is missing behind the filter" : `${shown(value)} is no number`);
}

/** Cut off behind the point, as Ansible's is. */
function toInteger(value: unknown): number {
  const number = Math.trunc(typeof value === "boolean" ? Number(value) : (numberOf(value) ?? Number.NaN));
  if (!Number.isSafeInteger(number)) throw new RangeError(`${shown(value)} is no whole number`);
  return number;
}

function shown(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `'${value}'` : typeName(value);
}
