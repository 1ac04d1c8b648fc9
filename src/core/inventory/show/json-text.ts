import { isMap } from "../../load/document.js";
import { ExactNumber } from "../../load/exact-number.js";

const INDENT = "    ";

/** JSON as Python's `json.dumps(…, sort_keys=True, indent=4, ensure_ascii=False)` writes it. */
export function jsonText(value: unknown, indent = ""): string {
  if (value instanceof ExactNumber) return NUMBERS.get(value.text) ?? value.text;
  const inner = indent + INDENT;
  if (Array.isArray(value)) return block("[", value.map((item) => jsonText(item, inner)), "]", indent);
  if (!isMap(value)) return JSON.stringify(value ?? null);
  const keys = Object.keys(value).sort(byCodePoint);
  return block("{", keys.map((key) => `${JSON.stringify(key)}: ${jsonText(value[key], inner)}`), "}", indent);
}

/** Items of a list or a map, one a line. */
export function block(open: string, items: readonly string[], close: string, indent: string): string {
  if (items.length === 0) return open + close;
  const start = `\n${indent}${INDENT}`;
  return `${open}${start}${items.join(`,${start}`)}\n${indent}${close}`;
}

/** Python's JSON has these, though JSON has not. */
const NUMBERS: ReadonlyMap<string, string> = new Map([["inf", "Infinity"], ["-inf", "-Infinity"], ["nan", "NaN"]]);

const SURROGATE = /[\ud800-\udfff]/;

/** The order of Python's strings: by code points, where JavaScript compares UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < left.length && i < right.length; i += 1) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
