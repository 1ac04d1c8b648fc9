import { PassThrough } from "node:stream";
import type { Connection } from "../../src/core/inventory/connection.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Host } from "../../src/edge/hosts/host.js";
import { openHost } from "../../src/edge/hosts/open-host.js";
import { Interruption } from "../../src/edge/run/interruption.js";
import { observeHost } from "../../src/edge/run/observe-host.js";
import type { Observation } from "../../src/edge/run/target.js";
import { runCli } from "../../src/edge/cli/run-cli.js";
import type { Session } from "../../src/edge/cli/session.js";
import type { UserSignal } from "../../src/edge/terminal/console.js";
import { NOW } from "../support/a-leftover.js";

export interface CliOptions {
  /** By name in the inventory. */
  readonly hosts?: Readonly<Record<string, Host>>;
  /** What each host looks like, asked anew each time; undefined: it is not reached. */
  readonly states?: (host: string) => HostState | undefined;
  /** How a host is reached, once it is opened. */
  readonly onOpen?: (host: string, connection: Connection) => void;
  /** Before each look at a host. */
  readonly onLook?: (host: string) => Promise<void>;
  /** No time goes by between what is seen and what is done about it. */
  readonly atOnce?: boolean;
  /** Hosts are opened and looked at for real. */
  readonly real?: boolean;
  /** There is a terminal, and this is typed on it. */
  readonly typed?: string;
  readonly columns?: number;
  /** What time it is on the controller, in seconds since the epoch. */
  readonly now?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface CliRun {
  readonly signal: (signal: UserSignal) => void;
  readonly out: () => string;
  readonly err: () => string;
  readonly exit: Promise<number>;
  /** Whether something may have been changed by now. */
  readonly hasBegun: () => boolean;
}

/** Starts a command line in this process, with everything outside of it made up. */
export function startCli(argv: readonly string[], options: CliOptions = {}): CliRun {
  let out = "";
  let err = "";
  let minutes = 0;
  const listeners = new Set<(signal: UserSignal) => void>();
  const isTTY = options.typed !== undefined;
  const input = Object.assign(new PassThrough(), { isTTY });
  const errStream = Object.assign(new PassThrough(), { isTTY, columns: options.columns ?? 80 });
  errStream.on("data", (chunk: Buffer) => {
    err += chunk.toString("utf8");
    if (chunk.includes("[y/N]") || chunk.includes("password: ")) setImmediate(() => input.write(options.typed ?? ""));
  });
  const session: Session = {
    console: {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      input, errStream, outIsTTY: false, columns: options.columns, env: options.env ?? {},
      onSignal: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    interruption: new Interruption(),
    openHost: (name, connection) => {
      options.onOpen?.(name, connection);
      if (options.real === true) return openHost(name, connection, { interactive: false });
      const host = options.hosts?.[name];
      if (host === undefined) throw new Error(`the test has no host ${name}`);
      return host;
    },
    observe: (host) => options.real === true ? observeHost(host)
      : (options.onLook?.(host.name) ?? Promise.resolve()).then(() => observation(host.name, options)),
    clock: () => options.atOnce === true ? 0 : (minutes += 1) * 60_000,
    now: () => options.now ?? NOW,
    sleep: () => Promise.resolve(),
    runs: { active: false, begun: false },
  };
  return {
    exit: runCli(argv, session),
    out: () => out,
    err: () => err,
    hasBegun: () => session.runs.begun,
    signal: (signal) => { listeners.forEach((listener) => { listener(signal); }); },
  };
}

function observation(host: string, options: CliOptions): Observation {
  const state = options.states?.(host);
  if (state !== undefined) return { state, diagnostics: [] };
  const summary = `${host} does not answer`;
  return { unreachable: summary, diagnostics: [{ severity: "error", code: "host-unreachable", summary, subject: { host } }] };
}

/** Runs a command line to its end. */
export async function cli(argv: readonly string[], options: CliOptions = {}): Promise<{ exit: number; out: string; err: string }> {
  const run = startCli(argv, options);
  const exit = await run.exit;
  return { exit, out: run.out(), err: run.err() };
}
