import type { Diagnostic } from "../model/diagnostic.js";
import { quotedWithoutSecrets } from "../model/secret-values.js";
import type { SourceRange, SourceText } from "../model/source.js";

/** What a vault holds, or why that can not be had. */
export type Opened = { readonly text: string } | { readonly problem: string };

/** Left shut on purpose: something is there, and what it is plays no part. */
export interface Sealed {
  readonly sealed: true;
}

/** Decrypts a vault's envelope (`$ANSIBLE_VAULT;1.1;AES256` and lines of hex digits), or leaves it shut. */
export type Unlock = (envelope: string) => Opened | Sealed;

/** The two parts that a vault's text holds besides the salt, each in bytes. */
export interface Envelope {
  readonly salt: Uint8Array;
  readonly hmac: Uint8Array;
  readonly cipher: Uint8Array;
}

const HEADER = /^\$ANSIBLE_VAULT;(\d\.\d);(\w+)(?:;([^\r\n]*))?$/;

/** Whether a text is an envelope of ansible-vault's, by its first word. */
export function isVaulted(text: string): boolean {
  return text.startsWith("$ANSIBLE_VAULT");
}

/**
 * Takes an envelope apart (docs.ansible.com, "Format of files encrypted with Ansible Vault"): hex digits of three lines
 * of hex digits, which are salt, HMAC and ciphertext.
 */
export function parseEnvelope(text: string): Envelope | { readonly problem: string } {
  const [header = "", ...lines] = text.trim().split(/\r?\n/);
  const match = HEADER.exec(header.trim());
  if (match === null) return { problem: "its first line is not that of a vault" };
  const [, version = "", cipherName = ""] = match;
  if (cipherName !== "AES256") return { problem: `its cipher is ${cipherName}, and AES256 is the only one that is read` };
  if (version !== "1.1" && version !== "1.2") return { problem: `its version is ${version}, and 1.1 and 1.2 are read` };
  const inner = bytesOf(lines.map((line) => line.trim()).join(""));
  const parts = inner === undefined ? [] : asciiOf(inner).split("\n");
  const [salt, hmac, cipher] = parts.map(bytesOf);
  if (parts.length !== 3 || salt === undefined || hmac === undefined || cipher === undefined) {
    return { problem: "it is damaged: not three parts in hex digits" };
  }
  return { salt, hmac, cipher };
}

function bytesOf(hex: string): Uint8Array | undefined {
  if (hex.length % 2 !== 0 || !/^[\da-fA-F]*$/.test(hex)) return undefined;
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

function asciiOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** For those who look at files and have no passwords: a whole vault stays shut, a damaged one is still told. */
export const leaveSealed: Unlock = (envelope) => {
  const parts = parseEnvelope(envelope);
  return "problem" in parts ? parts : { sealed: true };
};

/** A file as it is, or what its vault holds; never shown in a complaint. */
export function openFile(source: SourceText, unlock: Unlock | undefined): SourceText | Diagnostic | Sealed {
  if (!isVaulted(source.text)) return source;
  const at = { source, start: 0, end: Math.max(0, source.text.indexOf("\n")) };
  const opened = unlock?.(source.text);
  if (opened === undefined) return lockedAt("this file", at);
  if ("sealed" in opened) return opened;
  if ("text" in opened) return { file: source.file, text: opened.text, secret: true };
  return { severity: "error", code: "vaulted", summary: `this file is vaulted, and ${opened.problem}`, at };
}

/** A vault without a password for it. */
export function lockedAt(what: string, at: SourceRange): Diagnostic {
  return {
    severity: "error", code: "vaulted", summary: `${what} is vaulted, and no password was given`, at,
    fix: "Give --vault-password-file FILE, or --vault-id NAME@FILE",
  };
}

/** A complaint of which nothing is left but what is wrong, and where: without the words that it quotes. */
export function withoutQuoted({ severity, code, at, summary }: Diagnostic): Diagnostic {
  return { severity, code, summary: summary.replace(/'.*'/gs, "'…'"), ...(at === undefined ? {} : { at }) };
}

/** A complaint without the words of its file that it quotes, where that is decrypted, and else where they are a password. */
export function withoutSecrets(diagnostic: Diagnostic): Diagnostic {
  const { at, summary, detail, fix } = diagnostic;
  if (at === undefined) return diagnostic;
  if (at.source.secret === true) return withoutQuoted(diagnostic);
  const shown = (words: string): string => quotedWithoutSecrets(words, at.source, at.start, at.end);
  return {
    ...diagnostic, summary: shown(summary),
    ...(detail === undefined ? {} : { detail: shown(detail) }), ...(fix === undefined ? {} : { fix: shown(fix) }),
  };
}
