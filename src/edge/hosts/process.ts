import { execa } from "execa";

/** One process on this machine, and how it ended. */
export interface Ended {
  /** As a shell would say it: 127 not found, 128 and the signal. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Given up: out of time, or asked to. */
  readonly gaveUp?: "timeout" | "signal";
  /** The program is not there. */
  readonly notFound: boolean;
}

export interface ProcessOptions {
  readonly stdin?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Takes standard output line by line; `stdout` of the result is then empty. */
  readonly onLine?: (line: string) => void;
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15,
};
const MAX_OUTPUT = 256 * 1024 * 1024;

/** Runs a program without a shell. Does not throw for anything that the program does. */
export async function runProcess(argv: readonly string[], options: ProcessOptions = {}): Promise<Ended> {
  const [program = "", ...args] = argv;
  const { stdin, timeoutMs, signal, onLine } = options;
  const child = execa(program, args, {
    ...(stdin === undefined ? { stdin: "ignore" as const } : { input: stdin }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    reject: false,
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT,
    buffer: { stdout: onLine === undefined, stderr: true },
    forceKillAfterDelay: 5000,
    // a session of its own: Ctrl-C on the terminal is for converge, which then says what it waits for
    detached: true,
  });
  // given up means given up: what it started may live on and hold its output open
  child.once("exit", () => {
    if (!child.killed && signal?.aborted !== true) return;
    child.stdout.destroy();
    child.stderr.destroy();
  });
  if (onLine !== undefined) {
    try {
      for await (const line of child.iterable({ from: "stdout", binary: false })) onLine(line);
    } catch {
      // how it ended is told below
    }
  }
  const result = await child;
  const gaveUp = result.timedOut ? "timeout" : result.isCanceled ? "signal" : undefined;
  const notFound = result.code === "ENOENT";
  return {
    exitCode: result.exitCode ?? (notFound ? 127 : 128 + (SIGNALS[result.signal ?? ""] ?? 0)),
    stdout: typeof result.stdout === "string" ? result.stdout : "",
    stderr: typeof result.stderr === "string" ? result.stderr : "",
    notFound,
    ...(gaveUp === undefined ? {} : { gaveUp }),
  };
}
