/** A word of `-e`, with its place in the text. */
export interface ArgumentWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const OPEN: readonly string[] = ["{{", "{%", "{#"];
const CLOSE: readonly string[] = ["}}", "%}", "#}"];

/**
 * Splits `a=1 b='x y' c={{ d }}` as Ansible does (parsing/splitter.py, split_args): at blanks outside of quotes and of
 * templates; quotes stay where they are.
 */
export function splitArguments(text: string): { readonly words: readonly ArgumentWord[] } | { readonly problem: string; readonly at: number } {
  const words: ArgumentWord[] = [];
  const depths = [0, 0, 0];
  let start: number | undefined;
  let quote: { readonly mark: string; readonly at: number } | undefined;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? "";
    const inTemplate = depths.some((depth) => depth > 0);
    if ((char === " " || char === "\n") && quote === undefined && !inTemplate) {
      if (start !== undefined) words.push({ text: text.slice(start, i), start, end: i });
      start = undefined;
      continue;
    }
    start ??= i;
    if ((char === "'" || char === '"') && text[i - 1] !== "\\") {
      if (quote === undefined) quote = { mark: char, at: i };
      else if (quote.mark === char) quote = undefined;
      continue;
    }
    const pair = text.slice(i, i + 2);
    const [opened, closed] = [OPEN.indexOf(pair), CLOSE.indexOf(pair)];
    if (opened !== -1) depths[opened] = (depths[opened] ?? 0) + 1;
    if (closed !== -1) depths[closed] = Math.max(0, (depths[closed] ?? 0) - 1);
    if (opened !== -1 || closed !== -1) i += 1;
  }
  if (quote !== undefined) return { problem: "this quote is not closed", at: quote.at };
  if (depths.some((depth) => depth > 0)) return { problem: "this template is not closed", at: start ?? 0 };
  if (start !== undefined) words.push({ text: text.slice(start), start, end: text.length });
  return { words };
}

const ESCAPE = /\\(?:U([\da-fA-F]{8})|u([\da-fA-F]{4})|x([\da-fA-F]{2})|([\\'"abfnrtv]))/g;
const SIMPLE: Readonly<Record<string, string>> = { a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** Name and value of one word (parse_kv); undefined where it has no `=`, or begins with it. */
export function keyValue(word: string): readonly [string, string] | undefined {
  const text = word.replace(ESCAPE, (all, long?: string, short?: string, byte?: string, char?: string) => {
    const code = Number.parseInt(long ?? short ?? byte ?? "", 16);
    if (Number.isNaN(code)) return SIMPLE[char ?? ""] ?? char ?? all;
    return code > 0x10ffff ? all : String.fromCodePoint(code);
  });
  for (let at = text.indexOf("=", 1); at !== -1; at = text.indexOf("=", at + 1)) {
    if (text[at - 1] !== "\\") return [text.slice(0, at).trim(), unquoted(text.slice(at + 1).trim())];
  }
  return undefined;
}

function unquoted(text: string): string {
  const mark = text[0];
  const isQuoted = text.length > 1 && (mark === "'" || mark === '"') && text.endsWith(mark) && text.at(-2) !== "\\";
  return isQuoted ? text.slice(1, -1) : text;
}
