import type { Replacement, SourceRange } from "../model/source.js";

/** Edits that mend what can be meant in one way only. Each is undefined where the text is not as simple as that. */

const QUOTED = /^(["']?)([^"'\\\n]*)\1$/;

/** A scalar on one line, with or without quotes, set to another text. */
export function rewritten({ source, start, end }: SourceRange, wanted: string): Replacement | undefined {
  const match = QUOTED.exec(source.text.slice(start, end));
  if (match === null) return undefined;
  const quote = match[1]?.length ?? 0;
  return { start: start + quote, end: end - quote, text: wanted };
}

/**
 * A scalar without the prefix that it begins with.
 * @param rest what has to be left of it
 */
export function withoutPrefix({ source, start, end }: SourceRange, prefix: string, rest: RegExp): Replacement | undefined {
  const raw = QUOTED.exec(source.text.slice(start, end));
  const text = raw?.[2] ?? "";
  const from = start + (raw?.[1]?.length ?? 0);
  return text.startsWith(prefix) && rest.test(text.slice(prefix.length)) ? { start: from, end: from + prefix.length, text: "" } : undefined;
}

/** A candidate that differs from a word only by the case of its letters, or by hyphens for underscores. */
export function sameButForm(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll("-", "_").trim();
  const found = candidates.filter((candidate) => plain(candidate) === plain(word));
  return found.length === 1 ? found[0] : undefined;
}

/** `{{ x }}` that YAML has taken for a map, in quotes; the place is that of the inner brackets. */
export function quotedTemplate({ source, start, end }: SourceRange): Replacement | undefined {
  const raw = source.text.slice(start - 1, end + 1);
  const rest = /^[^\n]*/.exec(source.text.slice(end + 1))?.[0] ?? "";
  if (!/^\{\{[^{}"\\\n]*\}\}$/.test(raw) || !/^\s*(#.*)?$/.test(rest)) return undefined;
  return { start: start - 1, end: end + 1, text: `"${raw}"` };
}

const MAX_INDENT = 200;

type TextRange = readonly [start: number, end: number];

/**
 * Takes out a line `key: value` that stands twice word for word, and has nothing else on it.
 * @param pair from the key to the end of the value; unset where it is more than a line
 * @param earlier the same text, further up
 */
export function withoutLine(text: string, pair: TextRange | undefined, earlier: TextRange | undefined): Replacement | undefined {
  // whatever follows a long way into its line is not alone on it
  const indent = pair === undefined ? 0 : pair[0] - text.lastIndexOf("\n", pair[0] - 1) - 1;
  if (pair === undefined || earlier === undefined || indent > MAX_INDENT) return undefined;
  const lineOf = ([start, end]: TextRange): TextRange => {
    const next = text.indexOf("\n", end);
    return [text.lastIndexOf("\n", start - 1) + 1, next === -1 ? text.length : next + 1];
  };
  const [start, end] = lineOf(pair);
  const [first, last] = lineOf(earlier);
  const line = text.slice(start, end).trim();
  const isWhole = line === text.slice(...pair).trim() && line === text.slice(first, last).trim() && !line.includes("\n");
  return isWhole && text.slice(start, pair[0]).trim() === "" ? { start, end, text: "" } : undefined;
}
