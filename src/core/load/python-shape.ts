import type { PlainMap } from "./document.js";
import { define } from "./document.js";

/**
 * What Python knows of a value and a JavaScript object does not, kept beside it: that a list was a tuple, and what the
 * keys of a map were, in their order. An inventory is ordered, and is printed as Ansible prints it.
 */

/** A list that Python reads as a tuple: `(1, 2)`. */
export class PythonTuple extends Array<unknown> {}

/** A key as JSON has it, and as Python's repr shows it. */
export type ShapedKey = readonly [key: string, shown: string | undefined];

const KEYS = Symbol("keys as Python has them");

/** @param keys in their order; `shown` is unset for a text */
export function keepKeys(map: object, keys: readonly ShapedKey[]): void {
  Object.defineProperty(map, KEYS, { value: keys, enumerable: false });
}

/** undefined where the map's own keys say it all */
export function keptKeys(map: object): readonly ShapedKey[] | undefined {
  return (map as { readonly [KEYS]?: readonly ShapedKey[] })[KEYS];
}

/** The keys of a map in the order in which they were written. */
export function keysOf(map: PlainMap): readonly string[] {
  return keptKeys(map)?.map(([key]) => key) ?? Object.keys(map);
}

/** As `Object.entries`, in the order in which they were written. */
export function entriesOf(map: PlainMap): (readonly [string, unknown])[] {
  return keptKeys(map)?.map(([key]) => [key, map[key]] as const) ?? Object.entries(map);
}

/** JavaScript lists keys that are whole numbers first, whatever their order. */
export function isWholeKey(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57 && /^(?:0|[1-9]\d*)$/.test(key);
}

/** A map from what `<<` merges in, which stands first as in PyYAML, and from the map's own keys, which win. */
export function mergeMaps(merged: readonly PlainMap[], own: PlainMap): PlainMap {
  const result: Record<string, unknown> = {};
  const keys = new Map<string, ShapedKey>();
  let isShaped = false;
  for (const map of [...merged, own]) {
    const kept = keptKeys(map);
    isShaped ||= kept !== undefined;
    for (const key of kept ?? Object.keys(map)) {
      const shaped: ShapedKey = typeof key === "string" ? [key, undefined] : key;
      if (!keys.has(shaped[0])) keys.set(shaped[0], shaped);
      define(result, shaped[0], map[shaped[0]]);
    }
  }
  if (isShaped) keepKeys(result, [...keys.values()]);
  return result;
}
