import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";

/** More than this is no playbook, inventory, plan or recording. */
export const MAX_BYTES = 64 * 1024 * 1024;
const CHUNK = 64 * 1024;

const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * What is in a file, 64 MiB at most: all of it, or it is refused. A pipe (`<(command)`, /dev/stdin) is waited for.
 * @throws Error as fs does, with `code`, or with the reason alone
 */
export function readBytes(path: string): Buffer {
  const found = statSync(path);
  if (found.isDirectory()) throw new Error("it is a folder");
  // it may have as many bytes as there are disks, and means none of them
  if (found.isBlockDevice()) throw new Error("it is a disk, not a file");
  if (found.isFile() && found.size > MAX_BYTES) throw tooLong();
  return found.isFile() ? readAll(path) : endable(() => readAll(path));
}

function readAll(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      // what has no size (a pipe, /proc) may have text all the same, and a file may grow: only what came is counted
      const chunk = Buffer.allocUnsafe(Math.max(CHUNK, Math.min(size - length + 1, MAX_BYTES)));
      const got = readSync(file, chunk, 0, chunk.length, null);
      if (got === 0) return Buffer.concat(chunks, length);
      length += got;
      if (length > MAX_BYTES) throw tooLong();
      chunks.push(chunk.subarray(0, got));
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Waits for what may never come, a writer of a pipe say. Nothing of this program runs meanwhile, what listens to signals
 * included: they do what they do by themselves, which is to end it. No host has been spoken to yet when files are read.
 */
function endable<T>(wait: () => T): T {
  const heard = SIGNALS.map((signal) => [signal, process.listeners(signal)] as const);
  for (const signal of SIGNALS) process.removeAllListeners(signal);
  try {
    return wait();
  } finally {
    for (const [signal, listeners] of heard) for (const listener of listeners) process.on(signal, listener);
  }
}

function tooLong(): Error {
  return new Error(`it has more than ${MAX_BYTES} bytes`);
}
