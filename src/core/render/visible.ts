import { quoteWord } from "../model/command.js";

/**
 * Characters that steer a terminal or reorder what is read: C0 and C1 controls, separators, bidirectional marks,
 * lone surrogates. They come from names that others chose, and a preview must not be painted over by them.
 */
// eslint-disable-next-line no-control-regex -- they are what it looks for
const STEERING = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu;

/** A text in which nothing steers the terminal: such characters become `\x1b`, `\u202e`; newline and tab `\n`, `\t`. */
export function visible(text: string): string {
  return text.replace(STEERING, escaped);
}

/**
 * JSON for a terminal or a log as well as for a program: the same value, in which what steers is written as `\u202e`. JSON itself asks
 * that of the first controls alone.
 * @param indent as of JSON.stringify
 */
export function visibleJson(value: unknown, indent?: number): string {
  // a newline that it lays out with stands outside of strings
  return JSON.stringify(value, null, indent).replace(STEERING, (char) => char === "\n" ? char : inJson(char));
}

function inJson(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Like {@link visible} for one line of a file: tabs stay, since they are layout there. */
export function visibleLine(line: string): string {
  return line.split("\t").map(visible).join("\t");
}

/**
 * A word of a command for a human who may paste it: quoted as it runs. A word with characters that steer the
 * terminal takes the `$'…'` form, which bash, zsh and POSIX.1-2024 read; it is shown, and never run.
 */
export function shownWord(word: string): string {
  STEERING.lastIndex = 0;
  if (!STEERING.test(word)) return quoteWord(word);
  STEERING.lastIndex = 0;
  const body = word.replace(/[\\']/g, "\\$&").replace(STEERING, escaped);
  return `$'${body}'`;
}

function escaped(char: string): string {
  if (char === "\n") return "\\n";
  if (char === "\t") return "\\t";
  if (char === "\r") return "\\r";
  const code = char.codePointAt(0) ?? 0;
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
