import type { ErrorCode } from "yaml";
import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";

const TAB: ErrorCode = "TAB_AS_INDENT";

const FIXES: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: "Indent with spaces: YAML takes no tabs",
  BAD_INDENT: "Line it up with the entries that it belongs to",
  BLOCK_AS_IMPLICIT_KEY: "Text that holds ': ' stands in quotes; one entry a line",
  MULTILINE_IMPLICIT_KEY: "Put a ':' after the key, or the text into quotes",
  BAD_SCALAR_START: "Put the text into quotes",
  BAD_ALIAS: "Text that begins with * or & stands in quotes: \"*\"",
  BAD_DIRECTIVE: "Text that begins with % stands in quotes",
  BAD_DQ_ESCAPE: "Use '…' quotes, where a backslash is a backslash",
};

const SUMMARIES: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: "a tab indents this line",
  BAD_INDENT: "this line is not indented like its neighbours",
  BLOCK_AS_IMPLICIT_KEY: "a second ': ' on one line",
};

/** What the YAML parser found, in words that say what to do. */
export function yamlProblem(
  source: SourceText,
  error: { readonly code: ErrorCode; readonly message: string; readonly pos: readonly [number, number] },
  unclosedAt: number | undefined,
): Diagnostic {
  const [start, end] = error.pos;
  const indent = /^ *\t/.exec(source.text.slice(source.text.lastIndexOf("\n", start - 1) + 1));
  if (indent !== null && error.code !== TAB) {
    // the parser says what it made of it
    const tab = source.text.lastIndexOf("\n", start - 1) + indent[0].length;
    return yamlProblem(source, { ...error, code: TAB, pos: [tab, tab + 1] }, undefined);
  }
  const odd = oddBlank(source, start);
  if (odd !== undefined) return odd;
  if (unclosedAt !== undefined && (/quote/.test(error.message) || /^Flow|flow/.test(error.message))) {
    const mark = source.text.charAt(unclosedAt);
    const quote = mark === "'" || mark === '"';
    // a quote that comes too late may be the one that is missing: on a line that begins too far to the left
    const indented = !quote || source.text.includes(mark, unclosedAt + 1) ? ", or indent the lines that belong to it" : "";
    return {
      severity: "error", code: "yaml-syntax", at: { source, start: unclosedAt, end: unclosedAt + 1 },
      summary: `this ${quote ? "quote" : `'${mark}'`} is not closed`,
      fix: `Close it with ${quote ? mark : mark === "{" ? "}" : "]"}${indented}`,
    };
  }
  const lineStart = source.text.lastIndexOf("\n", start - 1) + 1;
  const star = /(?:^|[{,\s])(\*\S*?)\s*:?\s*$/.exec(source.text.slice(lineStart, start));
  if (star?.[1] !== undefined) {
    const at = lineStart + star.index + star[0].indexOf("*");
    const word = star[1].replace(/:$/, "");
    return {
      severity: "error", code: "yaml-syntax", at: { source, start: at, end: at + word.length },
      summary: "text that begins with * stands in quotes: YAML takes it for an alias",
      fix: `Write "${word}"`,
    };
  }
  const template = source.text.startsWith("{{", start) ? start : templateBefore(source.text, start);
  if (template !== undefined) return unquotedTemplate(source, template);
  const fix = fixFor(source.text, error.code, error.message, start);
  return {
    severity: "error",
    code: "yaml-syntax",
    summary: unindented(error.code, error.message)
      ? "this line is not indented like its neighbours"
      : (SUMMARIES[error.code] ?? lowerFirst(error.message.split("\n")[0] ?? "")),
    at: { source, start: Math.min(start, source.text.length), end: Math.min(Math.max(end, start), source.text.length) },
    ...(fix === undefined ? {} : { fix }),
  };
}

/** A blank that only looks like one, in front of a line: pasted from a page or a chat, and text to YAML. */
function oddBlank(source: SourceText, offset: number): Diagnostic | undefined {
  const lineStart = source.text.lastIndexOf("\n", offset - 1) + 1;
  const [, blanks = "", blank] = /^( *)([\u00a0\u2000-\u200b\u202f\u205f\u3000])/.exec(source.text.slice(lineStart)) ?? [];
  if (blank === undefined) return undefined;
  const at = lineStart + blanks.length;
  return {
    severity: "error", code: "yaml-syntax", at: { source, start: at, end: at + 1 },
    summary: `a blank that is none to YAML (U+${blank.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}) indents this line`,
    fix: "Indent with plain spaces: it came with pasted text, and looks like one",
  };
}

/** Of a list whose next line begins further to the left than its entries, and has no dash. */
function unindented(code: ErrorCode, message: string): boolean {
  return code === "MISSING_CHAR" && /sequence item/i.test(message);
}

/** Where a template begins that ends right before an offset: behind it YAML expects nothing more. */
function templateBefore(text: string, place: number): number | undefined {
  // what is missing may be missed behind the end
  const offset = Math.min(place, text.length);
  const template = /\{\{[^{}\n]*\}\}$/.exec(text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset))?.[0];
  return template === undefined ? undefined : offset - template.length;
}

/** A brace begins a map: `volume: {{ pool }}/web1`, `{ volume: vg0/{{ domain }} }`. */
function unquotedTemplate(source: SourceText, start: number): Diagnostic {
  const { text } = source;
  const before = /[^\s,:[{]*$/.exec(text.slice(text.lastIndexOf("\n", start) + 1, start))?.[0] ?? "";
  const after = /^(?:\{\{[^{}\n]*\}\}|[^\s,\]}{])+/.exec(text.slice(start))?.[0] ?? "{{";
  const whole = { start: start - before.length, end: start + after.length };
  const raw = before + after;
  const rest = /^[^\n]*/.exec(text.slice(whole.end))?.[0] ?? "";
  // whatever else is on the line may belong to the value
  const isAll = /^[^"'\\]*\}\}[^"'\\]*$/.test(raw) && /^\s*(?:[,\]}].*|#.*)?$/.test(rest);
  return {
    severity: "error", code: "yaml-syntax", at: { source, ...whole },
    summary: "a value with {{ stands in quotes: YAML takes the brace for a map",
    fix: `Write "${raw}"`, ...(isAll ? { edits: [{ ...whole, text: `"${raw}"` }] } : {}),
  };
}

function fixFor(text: string, code: ErrorCode, message: string, offset: number): string | undefined {
  if (code === "BAD_ALIAS" || (text[offset] === "*" && code === "MISSING_CHAR")) return FIXES.BAD_ALIAS;
  if (/quote/.test(message)) return "Close the quote";
  if (code === "BAD_INDENT" && /flow/i.test(message)) return "Close the bracket, or indent the line that goes on";
  if (unindented(code, message)) return FIXES.BAD_INDENT;
  if (code === "MISSING_CHAR" && /map values/.test(message)) return "Put ': ' and a value after the key";
  return FIXES[code];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
