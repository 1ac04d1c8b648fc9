import type { Placed } from "../load/document.js";
import type { Variables } from "./inventory.js";

/**
 * Variables over others, none of them copied: the thousand hosts of a group share what the group says.
 * @param under weaker
 * @param over stronger
 */
export function layered(under: Variables, over: Variables): Variables {
  if (over.size === 0) return under;
  return under.size === 0 ? over : new LayeredVariables(under, over);
}

class LayeredVariables implements ReadonlyMap<string, Placed> {
  private count: number | undefined;

  constructor(
    private readonly under: Variables,
    private readonly over: Variables,
  ) {}

  get size(): number {
    if (this.count === undefined) {
      this.count = this.under.size;
      for (const name of this.over.keys()) if (!this.under.has(name)) this.count += 1;
    }
    return this.count;
  }

  get(name: string): Placed | undefined {
    return this.over.get(name) ?? this.under.get(name);
  }

  has(name: string): boolean {
    return this.over.has(name) || this.under.has(name);
  }

  *entries(): MapIterator<[string, Placed]> {
    for (const [name, placed] of this.under) yield [name, this.over.get(name) ?? placed];
    for (const entry of this.over) if (!this.under.has(entry[0])) yield entry;
  }

  *keys(): MapIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): MapIterator<Placed> {
    for (const [, placed] of this.entries()) yield placed;
  }

  [Symbol.iterator](): MapIterator<[string, Placed]> {
    return this.entries();
  }

  forEach(use: (value: Placed, name: string, map: ReadonlyMap<string, Placed>) => void): void {
    for (const [name, placed] of this.entries()) use(placed, name, this);
  }
}
