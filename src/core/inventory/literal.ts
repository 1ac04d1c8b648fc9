import { define } from "../load/document.js";
import type { NumberReading } from "../load/exact-number.js";
import { ExactNumber, floatNumber, wholeNumber } from "../load/exact-number.js";
import type { ShapedKey } from "../load/python-shape.js";
import { PythonTuple, keepKeys } from "../load/python-shape.js";

/**
 * A value as Ansible's INI inventories type it: what Python's `ast.literal_eval` reads is that (`True`, `12`,
 * `'text'`, `[1, 2]`, `{'a': 1}`, `None`), anything else stays text (`true`, `010`, `yes`).
 */
export function literal(text: string, numbers: NumberReading = "plain"): unknown {
  // what begins as none of these is text: names, addresses, paths
  if (!/^[ \t]*[-+\d.'"[({TFNubrUBR]/.test(text)) return text;
  const reader = new Reader(text, numbers);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof NoLiteral) return text;
    throw error;
  }
}

class NoLiteral extends Error {}

const NUMBER = /[-+]*\s*(?:0[xX][\da-fA-F]+(?:_[\da-fA-F]+)*|0[oO][0-7]+|0[bB][01]+|(?:\d+(?:_\d+)*)?\.?\d*(?:[eE][-+]?\d+)?)/y;
const STRING = /^([uUrRbB]|[bB][rR]|[rR][bB])?('(?!'')|"(?!"")|'''|""")/;
const MAX_DEPTH = 50;

class Reader {
  private i = 0;
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly numbers: NumberReading,
  ) {}

  whole(): unknown {
    const value = this.value();
    this.skip();
    if (this.text[this.i] === ",") return this.tuple(value);
    if (this.i < this.text.length) throw new NoLiteral();
    return value;
  }

  private tuple(first: unknown): unknown[] {
    const items = this.tupleOf([first]);
    while (this.take(",")) {
      this.skip();
      if (this.i >= this.text.length) return items;
      items.push(this.value());
      this.skip();
    }
    if (this.i < this.text.length) throw new NoLiteral();
    return items;
  }

  private value(): unknown {
    this.skip();
    this.depth += 1;
    if (this.depth > MAX_DEPTH) throw new NoLiteral();
    const value = this.one();
    this.depth -= 1;
    return value;
  }

  private one(): unknown {
    if (STRING.test(this.text.slice(this.i, this.i + 5))) return this.strings();
    if (this.take("[")) return this.list("]");
    if (this.take("(")) return this.parenthesis();
    if (this.take("{")) return this.dict();
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.i) && !/\w/.test(this.text[this.i + word.length] ?? "")) {
        this.i += word.length;
        return value;
      }
    }
    return this.number();
  }

  private number(): number | string | ExactNumber {
    NUMBER.lastIndex = this.i;
    const token = NUMBER.exec(this.text)?.[0] ?? "";
    const unsigned = token.replace(/^[-+\s]+/, "");
    const signs = token.slice(0, token.length - unsigned.length).replace(/\s/g, "");
    const body = unsigned.replaceAll("_", "");
    // literal_eval takes one sign; a number may be followed by no letter
    if (signs.length > 1 || body === "" || body === "." || /[\w.]/.test(this.text[this.i + token.length] ?? "")) throw new NoLiteral();
    this.i += token.length;
    const sign = signs === "-" ? -1 : 1;
    if (!/^0[xXoObB]/.test(body) && /[.eE]/.test(body)) return floatNumber(sign * Number(body), token, this.numbers);
    if (/^0\d/.test(body) && !/^0+$/.test(body)) throw new NoLiteral();
    const value = wholeNumber(BigInt(sign) * BigInt(body), token, this.numbers);
    // too large to be used, and nothing but a number: text
    if (typeof value === "string") throw new NoLiteral();
    return value;
  }

  /** Adjacent strings are one. */
  private strings(): string {
    let result = "";
    for (;;) {
      const prefix = STRING.exec(this.text.slice(this.i, this.i + 5));
      if (prefix === null) return result;
      this.i += prefix[1]?.length ?? 0;
      result += this.string(prefix[2] ?? "", /r/i.test(prefix[1] ?? ""));
      this.skip();
    }
  }

  private string(quote: string, raw: boolean): string {
    let result = "";
    for (this.i += quote.length; this.i < this.text.length; this.i += 1) {
      if (this.text.startsWith(quote, this.i)) {
        this.i += quote.length;
        return result;
      }
      const char = this.text[this.i] ?? "";
      if (char !== "\\") {
        result += char;
        continue;
      }
      this.i += 1;
      const next = this.text[this.i] ?? "";
      result += raw ? `\\${next}` : this.escape(next);
    }
    throw new NoLiteral();
  }

  private escape(char: string): string {
    const simple = ESCAPES[char];
    if (simple !== undefined) return simple;
    const octal = /^[0-7]{1,3}/.exec(this.text.slice(this.i, this.i + 3))?.[0];
    if (octal !== undefined) {
      this.i += octal.length - 1;
      return String.fromCharCode(Number.parseInt(octal, 8));
    }
    // a character by its name: Python knows them all
    if (char === "N") throw new NoLiteral();
    const width = char === "x" ? 2 : char === "u" ? 4 : char === "U" ? 8 : 0;
    if (width === 0) return `\\${char}`;
    const hex = this.text.slice(this.i + 1, this.i + 1 + width);
    const code = Number.parseInt(hex, 16);
    if (!/^[\da-fA-F]+$/.test(hex) || hex.length !== width || code > 0x10ffff) throw new NoLiteral();
    this.i += width;
    return String.fromCodePoint(code);
  }

  private list(close: string): unknown[] {
    const items: unknown[] = [];
    for (;;) {
      this.skip();
      if (this.take(close)) return items;
      items.push(this.value());
      this.skip();
      if (this.take(close)) return items;
      if (!this.take(",")) throw new NoLiteral();
    }
  }

  private parenthesis(): unknown {
    const from = this.i;
    const items = this.list(")");
    // (1) is 1, (1,) is a tuple
    return items.length === 1 && !/,\s*\)$/.test(this.text.slice(from, this.i)) ? items[0] : this.tupleOf(items);
  }

  private tupleOf(items: readonly unknown[]): unknown[] {
    return this.numbers === "exact" ? PythonTuple.from(items) : [...items];
  }

  private dict(): unknown {
    const map: Record<string, unknown> = {};
    const keys = new Map<string, ShapedKey>();
    for (;;) {
      this.skip();
      if (this.take("}")) break;
      const key = this.value();
      this.skip();
      if (!this.take(":")) throw new NoLiteral();
      const text = keyText(key);
      keys.set(text, [text, typeof key === "string" ? undefined : pythonKey(key)]);
      define(map, text, this.value());
      this.skip();
      if (this.take("}")) break;
      if (!this.take(",")) throw new NoLiteral();
    }
    if (this.numbers === "exact") keepKeys(map, [...keys.values()]);
    return map;
  }

  private take(mark: string): boolean {
    if (this.text[this.i] !== mark) return false;
    this.i += 1;
    return true;
  }

  private skip(): void {
    while (this.text[this.i] === " " || this.text[this.i] === "\t") this.i += 1;
    // a comment of Python's: `[1, 2]  # both`
    if (this.text[this.i] === "#") this.i = this.text.length;
  }
}

/** A key as JSON has it, which is how it is shown in the end. */
function keyText(key: unknown): string {
  if (typeof key === "string") return key;
  if (key instanceof ExactNumber) return key.text;
  if (key === null || typeof key === "number" || typeof key === "boolean") return String(key);
  throw new NoLiteral();
}

function pythonKey(key: unknown): string {
  if (typeof key === "boolean") return key ? "True" : "False";
  return key === null ? "None" : keyText(key);
}

const WORDS: readonly (readonly [string, unknown])[] = [["True", true], ["False", false], ["None", null]];
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\", "'": "'", '"': '"', a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v",
};
