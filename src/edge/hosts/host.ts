import type { Command, CommandResult } from "../../core/model/command.js";
import type { Checked } from "../../core/model/diagnostic.js";
import type { Readings } from "../../core/facts/readings.js";

export interface RunOptions {
  /** For the command's standard input; without it that is empty. */
  readonly stdin?: string | Uint8Array;
  /** After this the command is given up; what it does on the host meanwhile is not known. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Whether to run as the `become` user; as the connection says unless given. */
  readonly become?: boolean;
}

/**
 * A host to run commands on. Expected trouble (unreachable, refused, password wrong) comes back as diagnostics with
 * no value; a command that ran has a value, whatever its exit code.
 */
export interface Host {
  /** The inventory's name. */
  readonly name: string;
  readonly kind: "ssh" | "local" | "recorded";
  /** Runs one command to its end. Output is decoded as UTF-8. */
  run(command: Command, options?: RunOptions): Promise<Checked<CommandResult>>;
  /**
   * Runs a command and hands over each line of its standard output as it comes, without the newline.
   * @returns when it ended or was given up through the signal; `stdout` is then empty
   */
  follow(command: Command, onLine: (line: string) => void, signal?: AbortSignal): Promise<Checked<CommandResult>>;
  /** What was recorded, where nothing can be asked. */
  recorded?(): Promise<Checked<Readings>>;
  /** Ends connections and removes what they left here. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Runs a POSIX sh program on a host. It travels on standard input, never on a command line, so its length and the
 * login shell do not matter; commands within it must not read standard input.
 * @param args for `$1` and on
 */
export function runScript(
  host: Host,
  script: string,
  args: readonly string[] = [],
  options: Omit<RunOptions, "stdin"> = {},
): Promise<Checked<CommandResult>> {
  return host.run(["sh", "-s", "--", ...args], { ...options, stdin: script });
}
