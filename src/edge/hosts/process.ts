import { execa } from "execa";
import { shortageOf, whereThereIsRoom } from "./room.js";

/** One process on this machine, and how it ended. */
export interface Ended {
  /** As a shell would say it: 127 not found, 128 and the signal. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What of standard output was not handed over, for its line has no end: a line, if the program had come to its own end. */
  readonly rest: string;
  /** Given up: out of time, or asked to. */
  readonly gaveUp?: "timeout" | "signal";
  /** The program is not there. */
  readonly notFound: boolean;
  /** Nothing was started: this machine has no room for it, in words. */
  readonly shortage?: string;
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
/** Somewhat more than a round of questions may answer, in base64. */
const MAX_OUTPUT = 96 * 1024 * 1024;
/** Complaints are shown by their last lines; who has more to say than this is ended. */
const MAX_COMPLAINT = 8 * 1024 * 1024;
/** No line of a journal comes near; the rest of a longer one is thrown away, so that a host can not fill the memory here. */
const MAX_LINE = 1024 * 1024;

/** Runs a program without a shell. Does not throw for anything that the program does; what `onLine` throws ends it, and comes out. */
export async function runProcess(argv: readonly string[], options: ProcessOptions = {}): Promise<Ended> {
  const [program = "", ...args] = argv;
  const { stdin, timeoutMs, signal, onLine } = options;
  const room = await whereThereIsRoom(() => execa(program, args, {
    ...(stdin === undefined ? { stdin: "ignore" as const } : { input: stdin }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    reject: false,
    stripFinalNewline: false,
    maxBuffer: { stdout: MAX_OUTPUT, stderr: MAX_COMPLAINT },
    buffer: { stdout: onLine === undefined, stderr: true },
    forceKillAfterDelay: 5000,
    // a session of its own: Ctrl-C on the terminal is for converge, which then says what it waits for
    detached: true,
  }), { patienceMs: timeoutMs, lasts: onLine !== undefined, signal });
  if ("shortage" in room) return unstarted(room.shortage);
  const child = room.started;
  // given up means given up: what it started may live on and hold its output open
  child.once("exit", () => {
    if (!child.killed && signal?.aborted !== true) return;
    child.stdout.destroy();
    child.stderr.destroy();
  });
  const thrown: unknown[] = [];
  const lines = new Lines((line) => {
    try {
      onLine?.(line);
    } catch (error) {
      thrown.push(error);
      // who takes the lines can not go on: that is no end of the program, which would be waited for
      child.kill();
      throw error;
    }
  });
  if (onLine !== undefined) {
    try {
      for await (const chunk of child.iterable({ from: "stdout", binary: true })) lines.take(chunk);
    } catch {
      // how it ended is told below
    }
  }
  const result = await child;
  if (thrown.length > 0) throw thrown[0];
  const shortage = result.exitCode === undefined ? shortageOf(result.code) : undefined;
  if (shortage !== undefined) return unstarted(shortage);
  const gaveUp = result.timedOut ? "timeout" : result.isCanceled ? "signal" : undefined;
  const notFound = result.code === "ENOENT";
  return {
    exitCode: result.exitCode ?? (notFound ? 127 : 128 + (SIGNALS[result.signal ?? ""] ?? 0)),
    stdout: typeof result.stdout === "string" ? result.stdout : "",
    stderr: typeof result.stderr === "string" ? result.stderr : "",
    rest: lines.rest(),
    notFound,
    ...(gaveUp === undefined ? {} : { gaveUp }),
  };
}

function unstarted(shortage: string): Ended {
  return { exitCode: 126, stdout: "", stderr: "", rest: "", notFound: false, shortage };
}

/** Bytes to lines, the newline left out. */
class Lines {
  readonly #decoder = new TextDecoder();
  #line = "";

  constructor(private readonly onLine: (line: string) => void) {}

  take(chunk: Uint8Array): void {
    const [first = "", ...rest] = this.#decoder.decode(chunk, { stream: true }).split("\n");
    this.#append(first);
    for (const text of rest) {
      this.#tell();
      this.#append(text);
    }
  }

  /** What is left without a newline. */
  rest(): string {
    this.#append(this.#decoder.decode());
    return this.#line.replace(/\r$/, "");
  }

  #append(text: string): void {
    if (this.#line.length < MAX_LINE) this.#line += text.slice(0, MAX_LINE - this.#line.length);
  }

  #tell(): void {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    this.onLine(line);
  }
}
