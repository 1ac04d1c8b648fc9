import type { Severity } from "../model/diagnostic.js";
import type { XlToken } from "./lex.js";
import type { XlValue } from "./syntax.js";

/** A diagnostic of the xl room before it has its place. */
export interface Complaint {
  readonly code: string;
  readonly severity?: Severity;
  readonly summary: string;
  readonly detail?: string;
  readonly fix?: string;
}

/** Of what xl's scanner refuses so much is quoted. In UTF-16 units. */
export const LONGEST_QUOTED = 20;

/** What to say of a token that xl's scanner refuses. */
export function lexicalComplaint(text: string, token: XlToken): Complaint {
  switch (token.problem) {
    case "carriage-return":
      return {
        code: "xl-line-ending",
        summary: "the file has Windows line endings, which xl refuses",
        fix: "Convert it, for example with: sed -i 's/\\r$//' FILE",
      };
    case "byte-order-mark":
      return {
        code: "xl-bom",
        summary: "the file begins with a byte-order mark, which xl refuses",
        fix: "Remove it, for example with: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE",
      };
    case "comment-at-end":
      return {
        code: "xl-comment",
        summary: "the file ends in a comment without a newline, which xl refuses",
        fix: "End the last line with a newline.",
      };
    case "nul-in-string":
      return { code: "xl-string", summary: "a string holds a NUL character", fix: "Remove the character." };
    case "unterminated-string":
      return {
        code: "xl-string",
        summary: "this string is not closed on its line",
        detail: "a string of xl ends on the line where it began",
        fix: `Close it with ${text.charAt(token.start)}.`,
      };
    case "backslash":
      return {
        code: "xl-character",
        summary: "xl knows no continuation of lines by a backslash",
        detail: "inside the brackets of a list a line may end anywhere",
        fix: "Remove the backslash, join the lines.",
      };
    case "character":
    case undefined:
      break;
  }
  const shown = JSON.stringify(text.slice(token.start, Math.min(token.end, token.start + LONGEST_QUOTED)));
  return { code: "xl-character", summary: `${shown} is nothing that an xl config can hold here` };
}

/**
 * What to say where a value is expected and something else stands, or where something follows a complete
 * value.
 * @param value the complete value, where there is one
 * @param what the word that xl trips over
 */
export function complaintAboutValue(
  text: string,
  value: XlValue | undefined,
  what: { readonly start: number; readonly text: string },
): Complaint {
  const word = what.text;
  const between = value === undefined ? "" : text.slice(value.start, what.start);
  if (/^['"]/.test(word)) {
    const triple = /^(?:''|"")['"]?$/.test(between.trimEnd()) || /^(?:'''|""")/.test(word);
    return triple
      ? { code: "xl-string", summary: "xl has no triple quotes", fix: "Use one pair of quotes, on one line." }
      : {
          code: "xl-string",
          summary: "xl does not join strings that stand side by side",
          fix: "Write one string, or add to the setting with '+='.",
        };
  }
  if (word.startsWith("+") && value !== undefined) {
    return {
      code: "xl-value",
      summary: "xl does not compute: there is no '+' between values",
      fix: "Write the joined value, or add to the setting with '+=' on a line of its own.",
    };
  }
  if (word.startsWith("\\")) {
    return {
      code: "xl-character",
      summary: "xl knows no continuation of lines by a backslash",
      fix: "Remove the backslash, join the lines.",
    };
  }
  if (/^[0-9]+(?:[kmgtKMGT](?:i?[bB])?|[bB])$/.test(word)) {
    return {
      code: "xl-value",
      summary: `'${word}' is no number: xl takes no units`,
      fix: "Write plain digits; memory is in MiB.",
    };
  }
  if (/^(?:true|yes|on)$/i.test(word)) {
    return { code: "xl-value", summary: `'${word}' is a bare word, which xl refuses`, fix: "Write 1." };
  }
  if (/^(?:false|no|off)$/i.test(word)) {
    return { code: "xl-value", summary: `'${word}' is a bare word, which xl refuses`, fix: "Write 0." };
  }
  if (/^-[0-9]/.test(word)) {
    return {
      code: "xl-value",
      summary: `'${word}': xl has no negative numbers`,
      fix: `Write it quoted: "${word}".`,
    };
  }
  if (/^[0-9]+\.[0-9]*$|^\.[0-9]+$/.test(word)) {
    return { code: "xl-value", summary: `'${word}': xl has no fractions`, fix: "Write a whole number." };
  }
  if (/^[0-9]/.test(word)) {
    return {
      code: "xl-value",
      summary: `'${word}' is no number`,
      fix: `Put it in quotes if it is text: "${word}".`,
    };
  }
  if (value !== undefined) {
    return {
      code: "xl-statement",
      summary: `'${word}' cannot stand behind a value`,
      detail: "a setting ends at a newline or ';'",
      fix: "Put the next setting on a line of its own.",
    };
  }
  if (/^[A-Za-z_/][^'"=]*$/.test(word)) {
    return {
      code: "xl-value",
      summary: `'${word}' is a bare word, which xl refuses`,
      fix: `Put it in quotes: "${word}".`,
    };
  }
  return {
    code: "xl-value",
    summary: `'${word}' is no value: xl takes strings in quotes, whole numbers and lists in brackets`,
  };
}
