import type { SourceText } from "../model/source.js";
import { mergedSpans, type Span } from "../model/spans.js";
import { lexXl, type XlToken } from "./lex.js";

/**
 * Passwords in xl configs: found in any text, whether xl would read it or not, so that no diff or log holds
 * one.
 */

/** What stands in a secret's place. Of one length, so that it does not tell the secret's. */
export const REDACTED = "REDACTED";

/** Before `vncpasswd=…` in a string of `vfb`, or `password=…` in device model arguments. All is bounded, so that a hostile text costs no more than its length. */
const PASSWORD = /passw[a-z_]{0,20}[ \t]{0,20}\+?=[ \t]{0,20}/gi;
/** Before `-object secret,id=…,data=…` */
const QEMU_SECRET = /\bsecret,(?:[^,=]{0,40}=[^,]{0,200},){0,8}data=/gi;
/** Options whose value is a secret. */
const OPTIONS = [PASSWORD, QEMU_SECRET];
/** `http://user:…@host/`, of a CD say; iSCSI has a `%` for the colon. */
const IN_ADDRESS = /:\/\/[^\s/:%@,'"]{0,200}[:%]([^\s/@,'"]{1,200})(?=@)/g;
/** `rbd:pool/image:id=admin:key=…`, as QEMU reads it: a colon that belongs to the value has a backslash before it, or two in xl's quotes. */
const CEPH_KEY = /\brbd:[^\s,'"]{0,200}?:key=((?:\\{1,4}[^\\]|[^\s:,'"\\]){1,500})/g;
const ADDRESSES = [IN_ADDRESS, CEPH_KEY];
/** Part of whatever the patterns here find, and of every key that has a secret: most configs hold neither. */
const ANY = /passw|secret,|:\/\/|:key=/i;
/** Words side by side, as a kernel takes its arguments: no comma separates anything there. */
const WORDS = /[^\s,=][ \t]+[^\s=]/;
/** A comma behind which another option begins. */
const NEXT_OPTION = /,[ \t]{0,20}[a-z][\w.-]{0,60}[ \t]{0,20}=/iy;

/** Places of the secrets in a text that is not of xl's language, with blanks at their end, and where one is to come and does not. */
function secretsWithin(text: string, endOf: (start: number) => number): Span[] {
  const found: Span[] = [];
  for (const option of OPTIONS) {
    for (option.lastIndex = 0; option.test(text); ) {
      const start = option.lastIndex;
      const end = endOf(start);
      option.lastIndex = end;
      found.push({ start, end });
    }
  }
  for (const address of ADDRESSES) {
    for (const match of text.matchAll(address)) {
      const end = match.index + match[0].length;
      found.push({ start: end - (match[1] ?? "").length, end });
    }
  }
  return mergedSpans(found);
}

/** The same inside of a string of a config, in whichever language it is. */
function secretsInside(text: string): Span[] {
  const words = WORDS.test(text);
  return secretsWithin(text, (start) => (words ? text.length : endOfOption(text, start)));
}

/** The same inside of a comment, which may be a line that was a setting once. */
function secretsOfComment(text: string): Span[] {
  return secretsWithin(text, () => text.length);
}

function withoutBlanks(places: readonly Span[], text: string): Span[] {
  return places.map(({ start, end }) => ({ start, end: start + text.slice(start, end).trimEnd().length })).filter(({ start, end }) => start < end);
}

/**
 * The end of an option's value: a comma behind which another option begins. Of two commas one belongs to the value (QEMU's
 * qemu_opts_parse), and so does one that whoever chose the password has left alone: what xl or QEMU then complain of is a part of it.
 */
function endOfOption(text: string, start: number): number {
  for (let at = text.indexOf(",", start); at !== -1; at = text.indexOf(",", at + 1)) {
    NEXT_OPTION.lastIndex = at;
    if (text[at + 1] === ",") at += 1;
    else if (NEXT_OPTION.test(text)) return at;
  }
  return text.length;
}

/**
 * Places of the secrets in a config, without their quotes: values of keys with `passw` in their name, and the same inside strings. A config that xl refuses
 * is complained of, and its lines are shown: what stands behind such a key is a secret without a `=` too, or with quotes that do not fit.
 */
export function findSecrets(text: string): Span[] {
  if (!ANY.test(text)) return [];
  const found: Span[] = [];
  /** @returns whether a secret goes on to the end of what was searched */
  const search = (secretsOf: (part: string) => readonly Span[], from: number, to: number): boolean => {
    const part = text.slice(from, to);
    const places = secretsOf(part);
    for (const { start, end } of withoutBlanks(places, part)) found.push({ start: from + start, end: from + end });
    return places.at(-1)?.end === part.length;
  };
  let secret = false;
  let depth = 0;
  /** Where the word began that is going on: one in capitals and small letters is of several tokens. */
  let word = 0;
  /** Behind a string that ended within a secret: what is right behind it was meant to be of it. */
  let goesOn = -1;
  const tokens = lexXl(text);
  /** What stands before, but for what says nothing. */
  let last: XlToken | undefined;
  for (const [at, token] of tokens.entries()) {
    const { kind, start, end, problem } = token;
    const isPart = goesOn === start || (secret && kind !== "comment");
    if (kind !== "identifier" && kind !== "number" && kind !== "error") word = end;
    switch (kind) {
      case "identifier":
      case "number":
      case "error":
        if (problem === "carriage-return") break;
        if (isPart) found.push({ start, end });
        else if (kind === "error") search(secretsOfComment, start, end);
        secret ||= /passw/i.test(text.slice(word, Math.min(end, word + LONGEST_KEY)));
        break;
      case "=":
      case "+=":
      case ",":
      case "blank":
        break;
      case "[":
        depth += 1;
        break;
      case "]":
        depth = Math.max(0, depth - 1);
        break;
      case "newline":
        // no line in a list begins so: it was never closed, and all behind it would pass for a part of it
        if (beginsSetting(tokens, at + 1)) depth = 0;
        else if (goesOnBelow(last)) break;
        if (depth === 0) secret = false;
        break;
      case ";":
        // without quotes it may be a part of it
        if (depth === 0 && beginsSetting(tokens, at + 1)) secret = false;
        break;
      case "string":
        if (isPart) {
          if (end - start > 2) found.push({ start: start + 1, end: end - 1 });
          break;
        }
        if (search(secretsInside, start + 1, end - 1)) goesOn = end;
        break;
      case "comment":
        // a password with a `#` in it, without quotes
        if (goesOn === start || (secret && !/[\s'"\]]/.test(text[start - 1] ?? ""))) found.push({ start, end });
        else search(secretsOfComment, start, end);
        break;
    }
    if (isPart && goesOn === start && GOES_ON.has(kind)) goesOn = end;
    if (!BETWEEN.has(kind) && problem !== "carriage-return") last = token;
  }
  return mergedSpans(found);
}

const BETWEEN: ReadonlySet<string> = new Set(["blank", "newline", "comment"]);

/** The line is to be gone on with in the next, whatever xl makes of that. */
function goesOnBelow(last: XlToken | undefined): boolean {
  return last?.kind === "=" || last?.kind === "+=" || last?.problem === "backslash";
}

/** One that xl takes begins there: what is no such may be a part of what stands before. */
function beginsSetting(tokens: readonly XlToken[], from: number): boolean {
  let at = from;
  const next = (): XlToken["kind"] | undefined => {
    while (tokens[at]?.kind === "blank") at += 1;
    const token = tokens[at];
    at += 1;
    return token?.kind;
  };
  if (next() !== "identifier") return false;
  const operator = next();
  const value = next();
  return (operator === "=" || operator === "+=") && (value === "string" || value === "number" || value === "[");
}

/** What one goes on with that was to be in quotes, and is not. */
const GOES_ON: ReadonlySet<string> = new Set(["identifier", "number", "string", "error", "=", "+="]);
/** No key of xl's is half as long. In UTF-16 units. */
const LONGEST_KEY = 200;

const hiding = new WeakMap<SourceText, SourceText>();

/** A config's text as complaints may point into it: the lines of it that they show hold no secret. */
export function hidingSecrets(source: SourceText): SourceText {
  const known = hiding.get(source);
  if (known !== undefined) return known;
  const places = source.hidden === undefined ? findSecrets(source.text) : [];
  const result = places.length === 0 ? source : { ...source, hidden: places };
  hiding.set(source, result);
  return result;
}

/** What stands in one string, a device model argument say, with its secrets replaced. */
export function redactInside(text: string): string {
  return ANY.test(text) ? replaced(text, withoutBlanks(secretsInside(text), text)) : text;
}

/** For JSON.stringify: the same in each of the strings that a value holds. */
export function redactedMember(_key: string, member: unknown): unknown {
  return typeof member === "string" ? redactInside(member) : member;
}

/** A config, or any part of one, with its secrets replaced by {@link REDACTED}. */
export function redact(text: string): string {
  return replaced(text, findSecrets(text));
}

function replaced(text: string, secrets: readonly Span[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of secrets) {
    parts.push(text.slice(at, start), REDACTED);
    at = end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}
