import type { SourceText } from "./source.js";
import { mergedSpans, type Span } from "./spans.js";

/** How names end of variables that hold a secret. */
export const SECRET_NAME =
  "(?:pass|passwd|password|passphrase|secret|token|api_?key|private_key|secret_key|access_key|credentials?)";

/** `name=` of INI and of `-e`, `name: ` of YAML and JSON. Blanks are bounded, so that a text costs no more than its length. */
const ASSIGNED = new RegExp(`(?<![a-z0-9])${SECRET_NAME}["']?([ \\t]{0,20})([:=])`, "gi");
const NEXT_ASSIGNED = /[ \t]+[\w.-]+=/y;

const known = new WeakMap<SourceText, readonly Span[]>();

/** A source's text with stars for what stands behind names such as ansible_become_password: as long, and with the same lines. */
export function withoutSecretValues(source: SourceText): string {
  return starred(source.text, spansOf(source));
}

/** As {@link withoutSecretValues}, of words that are from nowhere: a host that an INI file names `password=x` by mistake. */
export function wordsWithoutSecretValues(words: string): string {
  return starred(words, spans(words, false));
}

/** Words that a complaint quotes (in `'`), with stars for those that are, or hold, a secret value of the place they are from. */
export function quotedWithoutSecrets(words: string, source: SourceText, start: number, end: number): string {
  const near = spansOf(source).filter((span) => span.start < Math.max(end, start + 1) && start < span.end)
    .map((span) => source.text.slice(span.start, span.end));
  return words.replace(/'([^']+)'/g, (_all, quoted: string) => {
    const hidden = near.some((secret) => secret.includes(quoted)) ? stars(quoted) : wordsWithoutSecretValues(quoted);
    return `'${hidden}'`;
  });
}

function spansOf(source: SourceText): readonly Span[] {
  const found = known.get(source) ?? mergedSpans([...spans(source.text, source.file !== "-e"), ...(source.hidden ?? [])]);
  known.set(source, found);
  return found;
}

/** @param lines whether a name that begins a line has all of it, as in an INI file's `[group:vars]` */
function spans(text: string, lines: boolean): readonly Span[] {
  const found: Span[] = [];
  let seen = 0;
  for (const match of text.matchAll(ASSIGNED)) {
    const [all, blanks = "", sign] = match;
    const start = match.index + all.length;
    if (start < seen) continue;
    const name = nameStart(text, match.index);
    const whole = blanks !== "" || /[ \t]/.test(text[start] ?? "") || (lines && lineStart(text, name) === name);
    const end = sign === "=" ? pairEnd(text, start, whole) : yamlEnd(text, start, name);
    seen = end;
    if (!isHarmless(text.slice(start, end))) found.push({ start, end });
  }
  return found;
}

/** A variable's name as the value is no secret, and a vault's envelope none that can be read. */
function isHarmless(value: string): boolean {
  return /^\s*!vault\b/.test(value) || /^["']?\{\{[^"']*\}\}["']?$/.test(value.trim());
}

/** The end of `name=value`: words behind it that are no pairs may belong to a value that wants quotes. */
function pairEnd(text: string, start: number, whole: boolean): number {
  for (let i = start; i < text.length; i += 1) {
    const char = text[i] ?? "";
    if (char === "\n") return i;
    if (char === '"' || char === "'") i = quoteEnd(text, i) - 1;
    NEXT_ASSIGNED.lastIndex = i;
    if (!whole && NEXT_ASSIGNED.test(text)) return i;
  }
  return text.length;
}

/** The end of a value in a map of YAML: in braces at the next comma or brace, else with the last line that is further in. */
function yamlEnd(text: string, start: number, name: number): number {
  const before = text.slice(Math.max(0, name - 200), name).trimEnd().at(-1);
  return before === "{" || before === "," ? flowEnd(text, start) : blockEnd(text, start, name);
}

function flowEnd(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i += 1) {
    const char = text[i] ?? "";
    if (char === '"' || char === "'") i = quoteEnd(text, i) - 1;
    else if (char === "{" || char === "[") depth += 1;
    else if (depth === 0 && /[,}\]]/.test(char)) return i;
    else if (char === "}" || char === "]") depth -= 1;
  }
  return text.length;
}

function blockEnd(text: string, start: number, name: number): number {
  const column = name - lineStart(text, name);
  let end = lineEnd(text, start);
  while (end < text.length) {
    const next = lineEnd(text, end + 1);
    const line = text.slice(end + 1, next);
    if (line.trim() !== "" && line.length - line.trimStart().length <= column) break;
    end = next;
  }
  return end;
}

/** Behind the quote that closes one; the end of the text where none does. */
function quoteEnd(text: string, open: number): number {
  const mark = text[open] ?? "";
  for (let i = open + 1; i < text.length; i += 1) {
    if (text[i] === "\\" && mark === '"') i += 1;
    else if (text[i] === mark) return i + 1;
  }
  return text.length;
}

function nameStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && /[\w.'"-]/.test(text[start - 1] ?? "")) start -= 1;
  return start;
}

function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}

function starred(text: string, found: readonly Span[]): string {
  let at = 0;
  let shown = "";
  for (const { start, end } of found) {
    shown += text.slice(at, start) + stars(text.slice(start, end));
    at = end;
  }
  return shown + text.slice(at);
}

/** As long as what it stands for, so that a caret under it is under the right place. */
export function stars(secret: string): string {
  return secret.replace(/[^\s]/g, "*");
}
