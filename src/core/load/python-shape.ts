/**
 * What Python knows of a value and JSON does not, kept beside it where an inventory is printed as Ansible prints it: that
 * a list was a tuple, and what the keys of a map were, in their order.
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

/** JavaScript lists keys that are whole numbers first, whatever their order. */
export function isWholeKey(key: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(key);
}
