import { define } from "../load/document.js";
import type { NumberReading } from "../load/exact-number.js";
import { ExactNumber, floatNumber, wholeNumber } from "../load/exact-number.js";
import type { ShapedKey } from "../load/python-shape.js";
import { PythonTuple, keepKeys } from "../load/python-shape.js";

/** What Python reads as a value that no JSON has, or that only Python knows: no text, and nothing that could be used. */
export class PythonOnly {
  /** @param what as it follows "is": `a set, which JSON has not` */
  constructor(readonly what: string) {}
}

/**
 * A value as Ansible's INI inventories type it: what Python's `ast.literal_eval` reads is that (`True`, `12`,
 * `'text'`, `[1, 2]`, `{'a': 1}`, `None`), anything else stays text (`true`, `010`, `yes`).
 */
export function literal(text: string, numbers: NumberReading = "plain"): unknown {
  // what begins as none of these is text: names, addresses, paths
  if (!/^[ \t]*[-+\d.'"[({TFNsubrUBR]/.test(text)) return text;
  const reader = new Reader(text, numbers);
  try {
    const value = reader.whole();
    return reader.only === undefined ? value : new PythonOnly(reader.only);
  } catch (error) {
    if (error instanceof NoLiteral) return text;
    throw error;
  }
}

class NoLiteral extends Error {}

class Bytes {
  constructor(readonly text: string) {}
}

const DIGITS = "\\d(?:_?\\d)*";
/** Python's lexical analysis, "Numeric literals"; an imaginary one ends in `j`. */
const NUMBER = new RegExp(
  `(?:0[xX](?:_?[\\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:(?:${DIGITS})?\\.${DIGITS}|${DIGITS}\\.?)(?:[eE][-+]?${DIGITS})?[jJ]?)`, "y");
const STRING = /^([uUrRbB]|[bB][rR]|[rR][bB])?('(?!'')|"(?!"")|'''|""")/;
const MAX_DEPTH = 50;

class Reader {
  /** Why what was read is Python's alone. */
  only: string | undefined;
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
    if (!(value instanceof Bytes)) return value;
    if (/[^\0-\u007f]/.test(value.text)) this.only = "bytes that are no text";
    return value.text;
  }

  private tuple(first: unknown): unknown[] {
    const items = this.tupleOf([first]);
    if (first instanceof Bytes) this.only = "a list or map with bytes, which JSON has not";
    while (this.take(",")) {
      this.skip();
      if (this.i >= this.text.length) return items;
      items.push(this.item());
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
    const alone = /^(?:\.\.\.|set\s*\(\s*\))/.exec(this.text.slice(this.i, this.i + 20))?.[0];
    if (alone !== undefined) {
      this.i += alone.length;
      this.only = alone === "..." ? "Python's ellipsis, which JSON has not" : "a set, which JSON has not";
      return null;
    }
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

  /** With one sign at the most, and then perhaps an imaginary part. */
  private number(): unknown {
    const sign = this.sign();
    if (sign !== undefined && this.text[this.i] === "(") {
      // parentheses around a number alone change nothing
      this.i += 1;
      this.skip();
      const value = this.unsigned(sign);
      this.skip();
      if (!this.take(")")) throw new NoLiteral();
      return value;
    }
    const value = this.unsigned(sign ?? 1);
    this.skip();
    if (this.text[this.i] !== "+" && this.text[this.i] !== "-") return value;
    this.sign();
    const before = this.only;
    this.unsigned(1);
    if (this.only === before) throw new NoLiteral();
    return value;
  }

  private sign(): 1 | -1 | undefined {
    const sign = this.take("-") ? -1 : this.take("+") ? 1 : undefined;
    if (sign !== undefined) this.skip();
    return sign;
  }

  private unsigned(sign: 1 | -1): number | string | ExactNumber {
    NUMBER.lastIndex = this.i;
    const token = NUMBER.exec(this.text)?.[0] ?? "";
    const body = token.replaceAll("_", "");
    // a number may be followed by no letter
    if (body === "" || /[\w.]/.test(this.text[this.i + token.length] ?? "")) throw new NoLiteral();
    this.i += token.length;
    const isPrefixed = /^0[xXoObB]/.test(body);
    if (!isPrefixed && /[jJ]$/.test(body)) {
      this.only = "a complex number, which JSON has not";
      return 0;
    }
    if (!isPrefixed && /[.eE]/.test(body)) return floatNumber(sign * Number(body), token, this.numbers);
    if (/^0\d/.test(body) && !/^0+$/.test(body)) throw new NoLiteral();
    const value = wholeNumber(BigInt(sign) * BigInt(body), token, this.numbers);
    // too large to be used, and nothing but a number: text
    if (typeof value === "string") throw new NoLiteral();
    return value;
  }

  /** Adjacent strings are one, unless bytes and text meet. */
  private strings(): string | Bytes {
    let result = "";
    let areBytes: boolean | undefined;
    for (;;) {
      const prefix = STRING.exec(this.text.slice(this.i, this.i + 5));
      if (prefix === null) return areBytes === true ? new Bytes(result) : result;
      const [, kind = "", quote = ""] = prefix;
      const isBytes = /b/i.test(kind);
      if ((areBytes ?? isBytes) !== isBytes) throw new NoLiteral();
      areBytes = isBytes;
      this.i += kind.length;
      result += this.string(quote, /r/i.test(kind), isBytes);
      this.skip();
    }
  }

  private string(quote: string, isRaw: boolean, isBytes: boolean): string {
    let result = "";
    for (this.i += quote.length; this.i < this.text.length; this.i += 1) {
      if (this.text.startsWith(quote, this.i)) {
        this.i += quote.length;
        return result;
      }
      const char = this.text[this.i] ?? "";
      if (isBytes && char > "\u007f") throw new NoLiteral();
      if (char !== "\\") {
        result += char;
        continue;
      }
      this.i += 1;
      const next = this.text[this.i] ?? "";
      if (isBytes && next > "\u007f") throw new NoLiteral();
      result += isRaw ? `\\${next}` : this.escape(next, isBytes);
    }
    throw new NoLiteral();
  }

  private escape(char: string, isBytes: boolean): string {
    const simple = ESCAPES[char];
    if (simple !== undefined) return simple;
    const octal = /^[0-7]{1,3}/.exec(this.text.slice(this.i, this.i + 3))?.[0];
    if (octal !== undefined) {
      this.i += octal.length - 1;
      return String.fromCharCode(Number.parseInt(octal, 8));
    }
    if (char === "N" && !isBytes) {
      if (!/^N\{[^}]+\}/.test(this.text.slice(this.i))) throw new NoLiteral();
      this.only = "a text with a character by its name, which converge does not know";
    }
    const width = char === "x" ? 2 : isBytes ? 0 : char === "u" ? 4 : char === "U" ? 8 : 0;
    if (width === 0) return `\\${char}`;
    const hex = this.text.slice(this.i + 1, this.i + 1 + width);
    const code = Number.parseInt(hex, 16);
    if (!/^[\da-fA-F]+$/.test(hex) || hex.length !== width || code > 0x10ffff) throw new NoLiteral();
    if (code >= 0xd800 && code <= 0xdfff) this.only = "a text with half a character, which can not be printed";
    this.i += width;
    return String.fromCodePoint(code);
  }

  private list(close: string): unknown[] {
    const items: unknown[] = [];
    for (;;) {
      this.skip();
      if (this.take(close)) return items;
      items.push(this.item());
      this.skip();
      if (this.take(close)) return items;
      if (!this.take(",")) throw new NoLiteral();
    }
  }

  private parenthesis(): unknown {
    const from = this.i;
    const before = this.only;
    const items = this.list(")");
    // (1) is 1, (1,) is a tuple
    if (items.length !== 1 || /,\s*\)$/.test(this.text.slice(from, this.i))) return this.tupleOf(items);
    const [item] = items;
    if (item instanceof Bytes) this.only = before;
    return item;
  }

  private tupleOf(items: readonly unknown[]): unknown[] {
    return this.numbers === "exact" ? PythonTuple.from(items) : [...items];
  }

  /** A map, or a set where no value follows the first. */
  private dict(): unknown {
    const map: Record<string, unknown> = {};
    const keys = new Map<string, ShapedKey>();
    let isSet: boolean | undefined;
    for (;;) {
      this.skip();
      if (this.take("}")) break;
      const key = this.item();
      const text = this.keyText(key);
      this.skip();
      const hasValue = this.take(":");
      if ((isSet ?? !hasValue) === hasValue) throw new NoLiteral();
      isSet = !hasValue;
      if (hasValue) {
        keys.set(text, [text, typeof key === "string" ? undefined : pythonKey(text, key)]);
        define(map, text, this.item());
      }
      this.skip();
      if (this.take("}")) break;
      if (!this.take(",")) throw new NoLiteral();
    }
    if (isSet === true) this.only = "a set, which JSON has not";
    if (this.numbers === "exact") keepKeys(map, [...keys.values()]);
    return map;
  }

  /** A value inside of another: bytes are text only where they are all there is. */
  private item(): unknown {
    const value = this.value();
    if (value instanceof Bytes) this.only = "a list or map with bytes, which JSON has not";
    return value;
  }

  /** A key as JSON has it, which is how it is shown in the end. */
  private keyText(key: unknown): string {
    if (typeof key === "string") return key;
    if (key instanceof ExactNumber) return key.text;
    if (key === null || typeof key === "number" || typeof key === "boolean") return String(key);
    this.only = "a map with a key that is neither text nor a number, which JSON has not";
    return "";
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

function pythonKey(text: string, key: unknown): string {
  if (typeof key === "boolean") return key ? "True" : "False";
  return key === null ? "None" : text;
}

const WORDS: readonly (readonly [string, unknown])[] = [["True", true], ["False", false], ["None", null]];
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\", "'": "'", '"': '"', a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v",
};
