import { booksDirectory } from "../../src/core/model/names.js";
import type { Command, CommandResult } from "../../src/core/model/command.js";
import type { Checked } from "../../src/core/model/diagnostic.js";
import type { RunEvent } from "../../src/core/model/run-event.js";
import type { Host, RunOptions } from "../../src/edge/hosts/host.js";

/** An event without what the journal adds to it. */
export type FakeEvent = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, "at" | "seq"> : never) : never;

export interface FakeRun {
  /** Answer to the submission; by default it is started. */
  readonly submit?: string;
  readonly events: readonly FakeEvent[];
  /** The connection breaks after each of these numbers of journal lines, once each. */
  readonly breaksAfter?: readonly number[];
  /** So often the journal can not be read to what is its end by now, for the connection breaks. */
  readonly unread?: number;
  /** The journal goes no further than this many lines until a stop is asked for. */
  readonly waitsAfter?: number;
  /** What a stop makes of the rest of the journal. */
  readonly onStop?: readonly FakeEvent[];
  /** Called when the run has ended: the host looks otherwise from then on. */
  readonly onEnd?: () => void;
}

/** A host that plays a journal instead of running anything. */
export class FakeHost implements Host {
  readonly kind = "ssh";
  readonly commands: Command[] = [];
  readonly submissions: string[] = [];
  readonly stops: string[] = [];
  private events: FakeEvent[];
  private readonly breaks: number[];
  private stopped = false;
  private unread: number;
  private waiting: (() => void)[] = [];
  /** Resolves when somebody follows and has seen all there is before the wait. */
  readonly isWaiting: Promise<void>;
  private tellWaiting: () => void = () => undefined;

  constructor(readonly name: string, private readonly script: FakeRun = { events: [] }) {
    this.events = [...script.events];
    this.breaks = [...(script.breaksAfter ?? [])];
    this.unread = script.unread ?? 0;
    this.isWaiting = new Promise((resolve) => {
      this.tellWaiting = resolve;
    });
  }

  run(command: Command, options: RunOptions = {}): Promise<Checked<CommandResult>> {
    this.commands.push(command);
    if (command[0] === "readlink") return ok(`${booksDirectory("web1")}/runs/one\n`);
    if (command[0] === "cat" && this.unread > 0) {
      this.unread -= 1;
      return Promise.resolve(lost(this.name));
    }
    if (command[0] === "cat") return ok(this.written().map((_event, i) => this.line(i)).join("\n"));
    if (command.includes("stop")) return this.stop(command.join(" "));
    if (options.stdin !== undefined) {
      this.submissions.push(typeof options.stdin === "string" ? options.stdin : new TextDecoder().decode(options.stdin));
      return ok(this.script.submit ?? `started ${booksDirectory("web1")}/runs/one\n`);
    }
    return ok("");
  }

  async follow(command: Command, onLine: (line: string) => void, signal?: AbortSignal): Promise<Checked<CommandResult>> {
    this.commands.push(command);
    for (let i = Number(command.at(-1)) - 1; i < this.events.length; i += 1) {
      if (hasLeft(signal)) return ok("");
      if (this.breaks[0] !== undefined && i >= this.breaks[0]) {
        this.breaks.shift();
        return lost(this.name);
      }
      if (this.script.waitsAfter === i && !this.stopped) {
        this.tellWaiting();
        await new Promise<void>((resolve) => {
          this.waiting.push(resolve);
          signal?.addEventListener("abort", () => { resolve(); });
        });
        if (hasLeft(signal)) return ok("");
        i -= 1;
        continue;
      }
      if (this.events[i]?.event === "end") this.script.onEnd?.();
      onLine(this.line(i));
      await Promise.resolve();
    }
    return ok("");
  }

  async close(): Promise<void> {
    // nothing is held
  }

  private stop(command: string): Promise<Checked<CommandResult>> {
    this.stops.push(command);
    this.stopped = true;
    if (this.script.waitsAfter !== undefined) {
      this.events = [...this.events.slice(0, this.script.waitsAfter), ...(this.script.onStop ?? [])];
    }
    this.waiting.forEach((go) => { go(); });
    this.waiting = [];
    return ok('{"stopping":"asked"}\n');
  }

  /** What is in the journal by now. */
  private written(): readonly FakeEvent[] {
    return this.stopped ? this.events : this.events.slice(0, this.script.waitsAfter);
  }

  private line(index: number): string {
    return JSON.stringify({ at: 1_700_000_000 + index, seq: index + 1, ...this.events[index] });
  }
}

function hasLeft(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function ok(stdout: string): Promise<Checked<CommandResult>> {
  return Promise.resolve({ value: { exitCode: 0, stdout, stderr: "" }, diagnostics: [] });
}

function lost(host: string): Checked<CommandResult> {
  return {
    value: undefined,
    diagnostics: [{ severity: "error", code: "connection-lost", summary: `the connection to ${host} broke`, subject: { host } }],
  };
}
