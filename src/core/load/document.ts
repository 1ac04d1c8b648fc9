import type { SourceRange, SourceText } from "../model/source.js";

/** The way from a document's root to a value: keys of maps and indexes of lists. */
export type Path = readonly (string | number)[];

/**
 * A text that was read into plain values. Places are not kept with each value but looked up when a complaint needs
 * one: so a faster reader of values can take this one's place for large inventories.
 */
export interface Document {
  readonly source: SourceText;
  /** Plain maps, lists, strings, numbers, booleans and null. */
  readonly value: unknown;
  /**
   * Where a value, or the key that names it, was written. A path that leads deeper than the text does (into a value
   * that a template made) gives the nearest place there is.
   */
  locate(path: Path, part?: "value" | "key"): SourceRange;
}

/** A value together with the place that it comes from. */
export interface Placed<T = unknown> {
  readonly value: T;
  readonly document: Document;
  readonly path: Path;
}

/** Where a value stands. */
export function placeOf(placed: Placed): SourceRange {
  return placed.document.locate(placed.path, "value");
}

/** Where the key of a value stands. */
export function keyPlaceOf(placed: Placed): SourceRange {
  return placed.document.locate(placed.path, "key");
}

/** A place that is looked up when somebody asks for it: most that are kept with a wish never are. */
export function lazily(locate: () => SourceRange): SourceRange {
  let found: SourceRange | undefined;
  const range = (): SourceRange => (found ??= locate());
  return {
    get source() { return range().source; },
    get start() { return range().start; },
    get end() { return range().end; },
  };
}

/** A document that is one value at one place: a command line's `-e`, a word of an INI inventory. */
export function documentOf(value: unknown, at: SourceRange, keyAt: SourceRange = at): Document {
  return { source: at.source, value, locate: (path, part) => (part === "key" && path.length === 0 ? keyAt : at) };
}

export type PlainMap = Readonly<Record<string, unknown>>;

/** Whether a value of YAML is a map: no list, and not `null`. */
export function isMap(value: unknown): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own property of a map; never one that it inherits. */
export function own(map: PlainMap, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** What a path leads to; undefined where it leads to nothing. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof key === "number") return Array.isArray(value) ? (value as unknown[])[key] : undefined;
    return isMap(value) ? own(value, key) : undefined;
  }, root);
}

/** Sets a property whatever its name is: `__proto__` in a YAML file is a key like any other. */
export function define(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") map[key] = value;
  else Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

/** What people call the type of a value: `a map`, `a list`, `text`… */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "a number" : "text";
}
