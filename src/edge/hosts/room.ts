import { closeSync, openSync } from "node:fs";

/** Files that a program takes while it is started, with a pipe for each of its streams; and a few for who else opens one right then. */
const FILES = 12;
/** What lasts leaves room for others: who follows runs on many hosts must be able to have them stopped. */
const FILES_BESIDE_WHAT_LASTS = 32;
/** Commands that only look are over by then, and have given back theirs. */
const PATIENCE_MS = 30_000;
const AGAIN_MS = 100;

/** Why a program was not started, though it is there: as many as may run do, or as many files are open. */
const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: "as many files are open here as may be",
  ENFILE: "as many files are open here as may be",
  EAGAIN: "as many processes run here as may",
  ENOMEM: "there is no memory left here",
};

/** In words, if an error of starting a program says that there is no room for it on this machine. */
export function shortageOf(code: string | undefined): string | undefined {
  return code === undefined ? undefined : SHORTAGES[code];
}

/**
 * Starts a program once there is room for it. Where as many files are open as may be, Node.js makes no pipes and tells so in an event
 * that nobody can hear: that would end converge, with whatever else it follows. Many hosts at a time get there by themselves.
 * @param start starts it at once
 * @param options.patienceMs how long it is waited for at most
 * @param options.lasts it may run for hours
 * @returns what was started, in an object, for a process may be a promise too; or why there is no room
 */
export async function whereThereIsRoom<T>(
  start: () => T,
  { patienceMs = PATIENCE_MS, lasts = false, signal }: { readonly patienceMs?: number | undefined; readonly lasts?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly started: T } | { readonly shortage: string }> {
  for (let waited = 0; ; waited += AGAIN_MS) {
    const shortage = shortageOfFiles(lasts ? FILES_BESIDE_WHAT_LASTS : FILES);
    // not a moment in between, in which somebody else could take it
    if (shortage === undefined) return { started: start() };
    if (waited >= Math.min(patienceMs, PATIENCE_MS) || signal?.aborted === true) return { shortage };
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function shortageOfFiles(needed: number): string | undefined {
  const files: number[] = [];
  try {
    while (files.length < needed) files.push(openSync("/dev/null", "r"));
    return undefined;
  } catch (error) {
    // what else there is to say of /dev/null keeps no program from being started
    return shortageOf((error as NodeJS.ErrnoException).code);
  } finally {
    files.forEach((file) => { closeSync(file); });
  }
}
