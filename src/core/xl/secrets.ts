import type { SourceText } from "../model/source.js";
import { mergedSpans, type Span } from "../model/spans.js";
import { lexXl } from "./lex.js";

/**
 * Passwords in xl configs: found in any text, whether xl would read it or not, so that no diff or log holds
 * one.
 */

/** What stands in a secret's place. Of one length, so that it does not tell the secret's. */
export const REDACTED = "REDACTED";

/**
 * `vncpasswd=…` inside a string of `vfb`, `password=…` inside device model arguments; a value ends at a
 * comma, of which two are one that belongs to it (QEMU's qemu_opts_parse). The blanks and the word are bounded, so that a hostile
 * text costs no more than its length.
 */
const INSIDE_STRING = /passw[a-z_]{0,20}[ \t]{0,20}\+?=[ \t]{0,20}([^,]*(?:,,[^,]*)*)/gi;
/** `-object secret,id=…,data=…` */
const QEMU_SECRET = /\bsecret,(?:[^,=]{0,40}=[^,]{0,200},){0,8}data=([^,]*(?:,,[^,]*)*)/gi;
/** `http://user:…@host/`, of a CD say; iSCSI has a `%` for the colon. */
const IN_ADDRESS = /:\/\/[^\s/:%@,'"]{0,200}[:%]([^\s/@,'"]{1,200})(?=@)/g;
/** `rbd:pool/image:id=admin:key=…`, as QEMU reads it: a colon that belongs to the value has a backslash before it, or two in xl's quotes. */
const CEPH_KEY = /\brbd:[^\s,'"]{0,200}?:key=((?:\\{1,4}[^\\]|[^\s:,'"\\]){1,500})/g;
/** All that are looked for inside of a string, in whichever language it is. */
const INSIDE = [INSIDE_STRING, QEMU_SECRET, IN_ADDRESS, CEPH_KEY];
/** Part of whatever the patterns here find, and of every key that has a secret: most configs hold neither. */
const ANY = /passw|secret,|:\/\/|:key=/i;
const IN_COMMENT = /passw[a-z_]{0,20}[ \t]{0,20}\+?=[ \t]{0,20}([^\n]*)/gi;

/**
 * Places of the secrets in a config, without their quotes: values of keys with `passw` in their name, and the same inside strings. A config that xl refuses
 * is complained of, and its lines are shown: what stands behind such a key is a secret without a `=` too, or with quotes that do not fit.
 */
export function findSecrets(text: string): Span[] {
  if (!ANY.test(text)) return [];
  const found: Span[] = [];
  /** @returns whether a secret goes on to the end of what was searched */
  const search = (pattern: RegExp, start: number, end: number): boolean => {
    let reaches = false;
    for (const match of text.slice(start, end).matchAll(pattern)) {
      const length = (match[1] ?? "").trimEnd().length;
      const matchEnd = start + match.index + match[0].length;
      const from = matchEnd - (match[1] ?? "").length;
      if (length > 0) found.push({ start: from, end: from + length });
      reaches ||= matchEnd === end;
    }
    return reaches;
  };
  let secret = false;
  let depth = 0;
  /** Where the word began that is going on: one in capitals and small letters is of several tokens. */
  let word = 0;
  /** Behind a string that ended within a secret: what is right behind it was meant to be of it. */
  let goesOn = -1;
  for (const { kind, start, end, problem } of lexXl(text)) {
    const isPart = goesOn === start || (secret && kind !== "comment");
    if (kind !== "identifier" && kind !== "number" && kind !== "error") word = end;
    switch (kind) {
      case "identifier":
      case "number":
      case "error":
        if (problem === "carriage-return") break;
        if (isPart) found.push({ start, end });
        else if (kind === "error") {
          for (const pattern of [IN_COMMENT, QEMU_SECRET, IN_ADDRESS, CEPH_KEY]) search(pattern, start, end);
        }
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
      case ";":
        if (depth === 0) secret = false;
        break;
      case "string":
        if (isPart) {
          if (end - start > 2) found.push({ start: start + 1, end: end - 1 });
          break;
        }
        for (const pattern of INSIDE) if (search(pattern, start + 1, end - 1)) goesOn = end;
        break;
      case "comment":
        // a password with a `#` in it, without quotes
        if (goesOn === start || (secret && !/[\s'"\]]/.test(text[start - 1] ?? ""))) found.push({ start, end });
        else {
          for (const pattern of [IN_COMMENT, QEMU_SECRET, IN_ADDRESS, CEPH_KEY]) search(pattern, start, end);
        }
        break;
    }
    if (isPart && goesOn === start && GOES_ON.has(kind)) goesOn = end;
  }
  return mergedSpans(found);
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
  if (!ANY.test(text)) return text;
  const replaced = (whole: string, secret: string): string =>
    secret.trim() === "" ? whole : whole.slice(0, whole.length - secret.length) + REDACTED;
  return INSIDE.reduce((shown, pattern) => shown.replace(pattern, replaced), text);
}

/** For JSON.stringify: the same in each of the strings that a value holds. */
export function redactedMember(_key: string, member: unknown): unknown {
  return typeof member === "string" ? redactInside(member) : member;
}

/** A config, or any part of one, with its secrets replaced by {@link REDACTED}. */
export function redact(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of findSecrets(text)) {
    parts.push(text.slice(at, start), REDACTED);
    at = end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}
