import { basename } from "node:path";
import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";
import { isVaulted } from "../../core/inventory/vault.js";
import { isProgram, runProgram } from "../cli/inventory-program.js";
import { readBytes } from "../cli/read-bytes.js";
import { unlockWith } from "./unlock.js";

/** Asks for a password on the terminal; undefined where there is none, or none was given. */
export type AskPassword = (label: string) => Promise<string | undefined>;

/**
 * The passwords that `--vault-password-file FILE` and `--vault-id LABEL@FILE` name, in order: a file's text without the
 * white space around it, or what a program prints. All are tried on every vault, as Ansible does; the label is told to
 * programs whose name ends in `-client`.
 */
export async function readPasswords(ids: readonly string[], ask: AskPassword): Promise<Checked<readonly Buffer[]>> {
  const passwords: Buffer[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const id of ids) {
    const at = id.indexOf("@");
    const label = at === -1 ? "default" : id.slice(0, at);
    const source = at === -1 ? id : id.slice(at + 1);
    const password = source === "prompt" ? await asked(label, ask) : fromFile(source, label, passwords);
    if (Buffer.isBuffer(password)) passwords.push(password);
    else diagnostics.push(password);
  }
  return { value: diagnostics.length > 0 ? undefined : passwords, diagnostics };
}

async function asked(label: string, ask: AskPassword): Promise<Buffer | Diagnostic> {
  const password = await ask(label);
  return password === undefined || password === "" ? refused(`no password for the vault '${label}' was given`) : Buffer.from(password);
}

function fromFile(path: string, label: string, earlier: readonly Buffer[]): Buffer | Diagnostic {
  if (isProgram(path)) {
    const client = /-client(\.[^.]*)?$/.test(basename(path));
    const output = runProgram(path, client ? ["--vault-id", label] : []);
    if (typeof output === "object" && output.exit === 0) return checked(path, Buffer.from(output.stdout.replace(/^[\r\n]+|[\r\n]+$/g, "")));
    const why = typeof output === "object" ? `it ended with ${output.exit}` : output ?? "it can not be run";
    return refused(`the password program '${path}' failed: ${why}`);
  }
  let text: string;
  try {
    text = readBytes(path).toString("utf8").trim();
  } catch (error) {
    return refused(`the password file '${path}' can not be read: ${(error as Error).message}`);
  }
  if (!isVaulted(text)) return checked(path, Buffer.from(text));
  // a password file may itself be a vault, for a password that stands before it
  const opened = unlockWith(earlier)(text);
  return "text" in opened ? checked(path, Buffer.from(opened.text.replace(/[\r\n]+$/, ""))) : refused(`the password file '${path}' is vaulted, and ${opened.problem}`);
}

function checked(path: string, password: Buffer): Buffer | Diagnostic {
  return password.length > 0 ? password : refused(`'${path}' gives an empty password`);
}

function refused(summary: string): Diagnostic {
  return { severity: "error", code: "vault-password", summary, fix: "Write the password into a file that only you can read, and name it" };
}
