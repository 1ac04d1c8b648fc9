import type { SourceRange } from "../model/source.js";
import type { PlainMap } from "./document.js";
import { define, isMap } from "./document.js";

/** One level's options, and how near it is: a higher rank wins key by key. */
export interface Layer {
  readonly rank: number;
  readonly value: PlainMap;
  /** Where a key was written, by dotted name. */
  readonly place: (key: string) => SourceRange;
}

/** Two layers of one rank that say different things. */
export interface Conflict {
  readonly key: string;
  readonly first: SourceRange;
  readonly second: SourceRange;
}

/**
 * Layers merged: maps deep, the highest rank wins key by key; layers of one rank may say the same thing twice, and
 * a conflict otherwise, unless a higher rank settles it.
 * @param whole keys (dotted) whose values are taken as they are, not merged
 */
export function mergeLayers(
  layers: readonly Layer[], whole: ReadonlySet<string> = new Set(),
): { readonly value: Record<string, unknown>; readonly conflicts: readonly Conflict[] } {
  const leaves = new Map<string, { readonly layer: Layer; readonly value: unknown }>();
  const conflicts = new Map<string, Conflict>();
  for (const layer of [...layers].sort((a, b) => a.rank - b.rank)) {
    for (const [key, value] of flatten(layer.value, whole)) {
      const below = leaves.get(key);
      if (below?.layer.rank === layer.rank && JSON.stringify(below.value) !== JSON.stringify(value)) {
        if (!conflicts.has(key)) conflicts.set(key, { key, first: below.layer.place(key), second: layer.place(key) });
      } else if (below?.layer.rank !== layer.rank) {
        leaves.set(key, { layer, value });
        conflicts.delete(key);
      }
    }
  }
  const value: Record<string, unknown> = {};
  for (const [key, leaf] of leaves) put(value, key.split("."), leaf.value);
  return { value, conflicts: [...conflicts.values()] };
}

function flatten(value: PlainMap, whole: ReadonlySet<string>, prefix = ""): [string, unknown][] {
  const leaves: [string, unknown][] = [];
  for (const [name, item] of Object.entries(value)) {
    const key = prefix + name;
    if (item === undefined) continue;
    if (isMap(item) && !whole.has(key)) leaves.push(...flatten(item, whole, `${key}.`));
    else leaves.push([key, item]);
  }
  return leaves;
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    define(target, first, value);
    return;
  }
  const next = isMap(target[first]) ? { ...target[first] } : {};
  define(target, first, next);
  put(next, rest, value);
}
