import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { ProgramOutput } from "../../core/inventory/inventory.js";

/** A program that asks a cloud may take its time; one that hangs must not hang converge. */
const TIMEOUT_MS = 300_000;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Runs an inventory's (or a password's) program, and waits for it.
 * @returns undefined where the file may not be run or is no program; a text says why it did not come to its end
 */
export function runProgram(path: string, words: readonly string[]): ProgramOutput | string | undefined {
  if (!isProgram(path)) return undefined;
  // the full path: a bare name would be looked for in PATH
  const ran = spawnSync(resolve(path), [...words], {
    encoding: "utf8", timeout: TIMEOUT_MS, maxBuffer: MAX_BYTES, stdio: ["ignore", "pipe", "pipe"],
  });
  const code = (ran.error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOEXEC" || code === "EACCES") return undefined;
  if (code === "ETIMEDOUT") return `it ran for more than ${TIMEOUT_MS / 1000} seconds`;
  if (code === "ENOBUFS") return `it printed more than ${MAX_BYTES} bytes`;
  // what is there and yet not found is the interpreter behind `#!`
  if (code === "ENOENT") return "its interpreter is not installed";
  if (ran.error !== undefined) return ran.error.message;
  if (ran.signal !== null) return `it was ended by ${ran.signal}`;
  return { stdout: ran.stdout, stderr: ran.stderr, exit: ran.status ?? 0 };
}

/**
 * A file that this user may run, and the kernel can: a script with `#!`, or a binary. Any other would be handed to a
 * shell, which would run an inventory's lines as commands.
 */
export function isProgram(path: string): boolean {
  let file: number | undefined;
  try {
    accessSync(path, constants.X_OK);
    // to open a pipe is to wait for who writes to it
    if (!statSync(path).isFile()) return false;
    file = openSync(path, "r");
    const head = Buffer.alloc(4);
    const length = readSync(file, head, 0, 4, 0);
    return head.toString("latin1", 0, Math.min(2, length)) === "#!" || head.toString("latin1", 0, length) === "\u007fELF";
  } catch {
    // not there, or not to be run: it is read instead, and what is wrong with it is said then
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
