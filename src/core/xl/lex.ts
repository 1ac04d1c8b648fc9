/**
 * The tokens of the xl config language, as Xen's own scanner cuts them (tools/libs/util/libxlu_cfg_l.l), with
 * two differences that make the cut lossless: blanks are tokens too, and a comment ends before its newline.
 */

export type XlTokenKind =
  | "identifier"
  | "number"
  | "string"
  | "="
  | "+="
  | "["
  | "]"
  | ","
  | ";"
  | "newline"
  | "blank"
  | "comment"
  | "error";

/** Why xl's scanner stops at a token of kind `error`. */
export type LexicalProblem =
  | "unterminated-string"
  | "nul-in-string"
  | "comment-at-end"
  | "carriage-return"
  | "byte-order-mark"
  | "backslash"
  | "character";

/** A half-open range of UTF-16 offsets of the text. Tokens follow each other without gaps. */
export interface XlToken {
  readonly kind: XlTokenKind;
  readonly start: number;
  readonly end: number;
  /** Only with kind `error`. */
  readonly problem?: LexicalProblem;
}

const IDENTIFIER = /[a-z][._0-9a-z]*/y;
const NUMBER = /[0-9][0-9a-fx]*/y;
const BLANK = /[ \t]+/y;
const COMMENT = /#[^\n]*/y;
const REST_OF_LINE = /[^\n]+/y;
/** What no token begins with: xl takes such a run to the next blank for one error. */
const STRANGE = /[^ \t\n\r,;=[\]'"#a-z0-9]+/y;
const [NEWLINE, BACKSLASH] = [10, 92];
const PUNCTUATION = new Set(["=", "[", "]", ",", ";"]);

function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/**
 * Behind a string's closing quote; -1 where its line ends before. By hand: a pattern for it keeps a way back for each
 * character, and throws where there are millions of them.
 */
function endOfString(text: string, at: number): number {
  const quote = text.charCodeAt(at);
  for (let i = at + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === quote) return i + 1;
    // a backslash takes the next character with it, but for a newline
    if (code === BACKSLASH) i += 1;
    if (code === NEWLINE || text.charCodeAt(i) === NEWLINE) return -1;
  }
  return -1;
}

/**
 * Cuts a config into tokens.
 * @param text the whole file; a byte-order mark must still be in it (decode with `ignoreBOM: true`), for xl
 * refuses it
 * @returns tokens that together are the text, character for character; never throws, takes linear time
 */
export function lexXl(text: string): XlToken[] {
  const tokens: XlToken[] = [];
  let at = 0;
  const push = (kind: XlTokenKind, end: number, problem?: LexicalProblem): void => {
    tokens.push(problem === undefined ? { kind, start: at, end } : { kind, start: at, end, problem });
    at = end;
  };
  while (at < text.length) {
    const first = text.charAt(at);
    if (first === "\n") push("newline", at + 1);
    else if (first === " " || first === "\t") push("blank", endOf(BLANK, text, at));
    else if (first >= "a" && first <= "z") push("identifier", endOf(IDENTIFIER, text, at));
    else if (first >= "0" && first <= "9") push("number", endOf(NUMBER, text, at));
    else if (first === "+" && text[at + 1] === "=") push("+=", at + 2);
    else if (PUNCTUATION.has(first)) push(first as XlTokenKind, at + 1);
    else if (first === "#") {
      const end = endOf(COMMENT, text, at);
      // the scanner's pattern for a comment includes its newline: without one there is no comment
      if (end < text.length) push("comment", end);
      else push("error", end, "comment-at-end");
    } else if (first === "'" || first === '"') {
      const end = endOfString(text, at);
      if (end === -1) push("error", endOf(REST_OF_LINE, text, at), "unterminated-string");
      else if (text.slice(at, end).includes("\0")) push("error", end, "nul-in-string");
      else push("string", end);
    } else if (first === "\r") push("error", at + 1, "carriage-return");
    else if (first === "\uFEFF" && at === 0) push("error", at + 1, "byte-order-mark");
    else push("error", endOf(STRANGE, text, at), first === "\\" ? "backslash" : "character");
  }
  return tokens;
}
