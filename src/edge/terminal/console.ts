import { writeSync } from "node:fs";

/**
 * What a command may do to the outside: write, read the environment, hear signals. Handed in, so that tests run
 * commands in-process.
 */
export interface Console {
  /** Writes to standard output. */
  readonly out: (text: string) => void;
  /** Writes to standard error. */
  readonly err: (text: string) => void;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Where questions and live progress are written. */
  readonly errStream: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly outIsTTY: boolean;
  /** Columns of the terminal; undefined: not a terminal. */
  readonly columns: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls back for each signal, until the returned function is called. */
  readonly onSignal: (listener: (signal: UserSignal) => void) => () => void;
  /** Calls back for the first thing that was thrown where nobody was there to catch it. */
  readonly onUncaught?: (listener: (error: unknown) => void) => void;
}

export type UserSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

const SIGNALS: readonly UserSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The console of this process. A reader that goes away (`| head`) ends the process quietly. */
export function processConsole(): Console {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", endWithoutOutput);
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    input: process.stdin,
    errStream: process.stderr,
    outIsTTY: process.stdout.isTTY,
    // 0: a terminal that does not know
    columns: process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : undefined,
    env: process.env,
    onSignal: (listener) => {
      for (const signal of SIGNALS) process.on(signal, listener);
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener);
      };
    },
    onUncaught: (listener) => {
      // Node.js brings promises that nobody catches here too
      process.once("uncaughtException", (error) => {
        // what goes wrong from here on changes nothing about how this ends
        process.on("uncaughtException", () => undefined);
        listener(error);
      });
    },
  };
}

/**
 * What was said did not get out. A closed pipe is the reader's right: the process ends as one that SIGPIPE killed. Anything else
 * (a full disk) is told where that can be, and is a failure. What runs on hosts runs on.
 */
export function endWithoutOutput(error: NodeJS.ErrnoException): never {
  if (error.code === "EPIPE") process.exit(141);
  try {
    writeSync(2, `converge: what it says can not be written: ${error.message}\n`);
  } catch {
    // there is nowhere left to say it
  }
  process.exit(3);
}
