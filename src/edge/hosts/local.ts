import type { Command, CommandResult } from "../../core/model/command.js";
import type { Checked } from "../../core/model/diagnostic.js";
import { unwrapBecome, wrapBecome, type Become } from "./become.js";
import type { Host, RunOptions } from "./host.js";
import { runProcess, type ProcessOptions } from "./process.js";
import { noRoom, refuse } from "./trouble.js";

/** This machine as a host: `ansible_connection: local`. */
export class LocalHost implements Host {
  readonly kind = "local";

  constructor(readonly name: string, private readonly become: Become | undefined) {}

  run(command: Command, options: RunOptions = {}): Promise<Checked<CommandResult>> {
    return this.start(command, options, options.become);
  }

  follow(
    command: Command,
    onLine: (line: string) => void,
    signal?: AbortSignal,
  ): Promise<Checked<CommandResult>> {
    return this.start(command, signal === undefined ? { onLine } : { onLine, signal }, undefined);
  }

  async close(): Promise<void> {
    // nothing is held
  }

  private async start(
    command: Command,
    options: ProcessOptions,
    wanted: boolean | undefined,
  ): Promise<Checked<CommandResult>> {
    const become = (wanted ?? this.become !== undefined) ? this.become : undefined;
    const wrapped = become === undefined
      ? { command, stdin: options.stdin }
      : await wrapBecome(become, command, options.stdin);
    const { stdin: _, ...rest } = options;
    const ended = await runProcess(
      wrapped.command,
      wrapped.stdin === undefined ? rest : { ...rest, stdin: wrapped.stdin },
    );
    if (ended.shortage !== undefined) return refuse(noRoom(this.name, ended.shortage));
    if (ended.gaveUp === "timeout") {
      return refuse({ code: "host-timeout", summary: `${command[0]} took too long`, subject: { host: this.name } });
    }
    if (ended.rest !== "" && ended.gaveUp === undefined) options.onLine?.(ended.rest);
    const result = { exitCode: ended.exitCode, stdout: ended.stdout, stderr: ended.stderr };
    if (become === undefined || ended.gaveUp === "signal") return { value: result, diagnostics: [] };
    const stderr = unwrapBecome(become, ended.exitCode, ended.stderr);
    if (stderr.value === undefined) return { value: undefined, diagnostics: stderr.diagnostics };
    return { value: { ...result, stderr: stderr.value }, diagnostics: [] };
  }
}
