import type { XlToken } from "./lex.js";
import { lexXl } from "./lex.js";

/**
 * Passwords in xl configs: found in any text, whether xl would read it or not, so that no diff or log holds
 * one.
 */

/** Half-open UTF-16 range of a secret value, without its quotes. */
export interface SecretPlace {
  readonly start: number;
  readonly end: number;
}

/** What stands in a secret's place. Of one length, so that it does not tell the secret's. */
export const REDACTED = "REDACTED";

/**
 * `vncpasswd=…` inside a string of `vfb`, `password=…` inside device model arguments; a value ends at a
 * comma. The blanks and the word are bounded, so that a hostile text costs no more than its length.
 */
const INSIDE_STRING = /passw[a-z_]{0,20}[ \t]{0,20}\+?=[ \t]{0,20}([^,]*)/gi;
/** `-object secret,id=…,data=…` */
const QEMU_SECRET = /\bsecret,(?:[^,=]{0,40}=[^,]{0,200},){0,8}data=([^,]*)/gi;
/** Part of whatever the patterns here find, and of every key that has a secret: most configs hold neither. */
const ANY = /passw|secret,/i;
const IN_COMMENT = /passw[a-z_]{0,20}[ \t]{0,20}\+?=[ \t]{0,20}([^\n]*)/gi;

/**
 * Places of the secrets in a config: values of keys with `passw` in their name, and the same inside strings.
 */
export function findSecrets(text: string): SecretPlace[] {
  if (!ANY.test(text)) return [];
  const tokens = lexXl(text);
  const found: SecretPlace[] = [];
  const search = (pattern: RegExp, start: number, end: number): void => {
    for (const match of text.slice(start, end).matchAll(pattern)) {
      const length = (match[1] ?? "").trimEnd().length;
      const matchEnd = start + match.index + match[0].length;
      const from = matchEnd - (match[1] ?? "").length;
      if (length > 0) found.push({ start: from, end: from + length });
    }
  };
  let key: XlToken | undefined;
  let secret = false;
  let depth = 0;
  for (const token of tokens) {
    switch (token.kind) {
      case "identifier":
        if (secret) found.push({ start: token.start, end: token.end });
        else key = token;
        break;
      case "=":
      case "+=":
        secret = key !== undefined && /passw/i.test(text.slice(key.start, key.end));
        break;
      case "[":
        depth += 1;
        break;
      case "]":
        depth = Math.max(0, depth - 1);
        break;
      case "newline":
      case ";":
        if (depth === 0 || !secret) secret = false;
        if (depth === 0) key = undefined;
        break;
      case "string":
        if (!secret) {
          search(INSIDE_STRING, token.start + 1, token.end - 1);
          search(QEMU_SECRET, token.start + 1, token.end - 1);
        } else if (token.end - token.start > 2) found.push({ start: token.start + 1, end: token.end - 1 });
        break;
      case "number":
        if (secret) found.push({ start: token.start, end: token.end });
        break;
      case "comment":
        search(IN_COMMENT, token.start, token.end);
        break;
      case "error":
        if (secret) found.push({ start: token.start, end: token.end });
        else search(IN_COMMENT, token.start, token.end);
        break;
      case ",":
      case "blank":
        break;
    }
  }
  return merged(found);
}

/** What stands in one string, a device model argument say, with its secrets replaced. */
export function redactInside(text: string): string {
  if (!ANY.test(text)) return text;
  const replaced = (whole: string, secret: string): string =>
    secret.trim() === "" ? whole : whole.slice(0, whole.length - secret.length) + REDACTED;
  return text.replace(INSIDE_STRING, replaced).replace(QEMU_SECRET, replaced);
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

function merged(places: SecretPlace[]): SecretPlace[] {
  const result: SecretPlace[] = [];
  for (const place of places.sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && place.start <= last.end) {
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, place.end) };
    } else result.push(place);
  }
  return result;
}
