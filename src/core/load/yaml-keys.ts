import { ExactNumber } from "./exact-number.js";
import type { ShapedKey } from "./python-shape.js";
import { isWholeKey } from "./python-shape.js";
import type { ScalarValue } from "./yaml-scalars.js";

/** A key that is no text, as Python's JSON writes it. */
export function typedKeyText(value: ScalarValue): string {
  if (!(value instanceof ExactNumber)) return String(value);
  return NO_NUMBERS.get(value.text) ?? value.text;
}

/** As Python's JSON writes them. */
const NO_NUMBERS: ReadonlyMap<string, string> = new Map([["inf", "Infinity"], ["-inf", "-Infinity"], ["nan", "NaN"]]);

/** @param key as JSON has it */
export function shapedKey(key: string, typed: ScalarValue): ShapedKey {
  if (typeof typed === "string") return [key, undefined];
  if (typeof typed === "boolean") return [key, typed ? "True" : "False"];
  return [key, typed === null ? "None" : typed instanceof ExactNumber ? typed.text : String(typed)];
}

/** What Python compares a key by that is no text: there `1`, `1.0` and `yes` are one key. */
export function numberOfKey(typed: ScalarValue): number | undefined {
  if (typeof typed === "string" || typed === null) return undefined;
  const number = Number(typed instanceof ExactNumber ? typed.text : typed);
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : undefined;
}

/** A key of `{a:[1]}`, which YAML 1.1 takes for a text with a colon in it, and libyaml refuses. */
export function isCrampedKey(text: string, end: number): boolean {
  return text.charCodeAt(end) === 58 && /[,?[\]{}]/.test(text.charAt(end + 1));
}

/** The keys of one map while it is read, by what Python compares them by. */
export class SeenKeys<Pair> {
  readonly shaped: ShapedKey[] = [];
  /** An object alone would lose what they are, or their order. */
  isShaped = false;
  private readonly pairs = new Map<string, Pair>();
  private readonly numbers = new Map<number, string>();

  /** @returns the key that it stands under, and who stood there before it */
  add(typed: ScalarValue, pair: Pair): { readonly key: string; readonly earlier: Pair | undefined } {
    const text = typedKeyText(typed);
    const number = numberOfKey(typed);
    const key = (number === undefined ? undefined : this.numbers.get(number)) ?? text;
    if (number !== undefined) this.numbers.set(number, key);
    const earlier = this.pairs.get(key);
    this.pairs.set(key, pair);
    if (earlier === undefined) {
      const shape = shapedKey(key, typed);
      this.shaped.push(shape);
      this.isShaped ||= shape[1] !== undefined || isWholeKey(key);
    }
    return { key, earlier };
  }
}
