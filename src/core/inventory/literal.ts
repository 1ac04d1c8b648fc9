import { define } from "../load/document.js";

/**
 * A value as Ansible's INI inventories type it: what Python's `ast.literal_eval` reads is that (`True`, `12`,
 * `'text'`, `[1, 2]`, `{'a': 1}`, `None`), anything else stays text (`true`, `010`, `yes`).
 */
export function literal(text: string): unknown {
  const reader = new Reader(text);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof NoLiteral) return text;
    throw error;
  }
}

class NoLiteral extends Error {}

const NUMBER = /[-+]*\s*(?:0[xX][\da-fA-F]+(?:_[\da-fA-F]+)*|0[oO][0-7]+|0[bB][01]+|(?:\d+(?:_\d+)*)?\.?\d*(?:[eE][-+]?\d+)?)/y;
const STRING = /^([uUrR]?)(['"])/;
const MAX_DEPTH = 50;

class Reader {
  private i = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  whole(): unknown {
    // leading blanks are an indentation error in Python
    if (/^\s/.test(this.text)) throw new NoLiteral();
    const value = this.value();
    this.skip();
    if (this.text[this.i] === ",") return this.tuple(value);
    if (this.i < this.text.length) throw new NoLiteral();
    return value;
  }

  private tuple(first: unknown): unknown[] {
    const items = [first];
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
    if (STRING.test(this.text.slice(this.i, this.i + 2))) return this.strings();
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

  private number(): number {
    NUMBER.lastIndex = this.i;
    const digits = NUMBER.exec(this.text)?.[0] ?? "";
    const body = digits.replace(/^[-+\s]+/, "").replaceAll("_", "");
    const number = Number(body);
    const zeros = /^0\d/.test(body) && !/[.eE]/.test(body) && !/^0+$/.test(body);
    if (body === "" || body === "." || zeros || !Number.isFinite(number)) throw new NoLiteral();
    if (!/[.eE]/.test(body) && !Number.isSafeInteger(number)) throw new NoLiteral();
    const signs = digits.slice(0, digits.length - digits.replace(/^[-+\s]+/, "").length);
    // literal_eval takes one sign
    if (signs.replace(/\s/g, "").length > 1) throw new NoLiteral();
    this.i += digits.length;
    return signs.includes("-") ? -number : number;
  }

  /** Adjacent strings are one. */
  private strings(): string {
    let result = "";
    for (;;) {
      const prefix = STRING.exec(this.text.slice(this.i, this.i + 2));
      if (prefix === null) return result;
      this.i += prefix[1]?.length ?? 0;
      result += this.string(prefix[2] ?? "", /r/i.test(prefix[1] ?? ""));
      this.skip();
    }
  }

  private string(quote: string, raw: boolean): string {
    let result = "";
    for (this.i += 1; this.i < this.text.length; this.i += 1) {
      const char = this.text[this.i] ?? "";
      if (char === quote) {
        this.i += 1;
        return result;
      }
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
    return items.length === 1 && !/,\s*\)$/.test(this.text.slice(from, this.i)) ? items[0] : items;
  }

  private dict(): unknown {
    const map: Record<string, unknown> = {};
    for (;;) {
      this.skip();
      if (this.take("}")) return map;
      const key = this.value();
      this.skip();
      if (!this.take(":")) throw new NoLiteral();
      define(map, keyText(key), this.value());
      this.skip();
      if (this.take("}")) return map;
      if (!this.take(",")) throw new NoLiteral();
    }
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
  if (key === null || typeof key === "number" || typeof key === "boolean") return String(key);
  throw new NoLiteral();
}

const WORDS: readonly (readonly [string, unknown])[] = [["True", true], ["False", false], ["None", null]];
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\", "'": "'", '"': '"', a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v",
};
