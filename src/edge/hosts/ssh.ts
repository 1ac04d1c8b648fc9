import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Connection } from "../../core/inventory/connection.js";
import { quoteCommand, type Command, type CommandResult } from "../../core/model/command.js";
import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";
import { unwrapBecome, wrapBecome, type Become } from "./become.js";
import type { Host, RunOptions } from "./host.js";
import { unlessLeft } from "./unless-left.js";
import { runProcess, type ProcessOptions } from "./process.js";
import { shortageOf, whereThereIsRoom } from "./room.js";
import { makeSocketFolder, removeSocketFolder } from "./socket-folder.js";
import { controllerTrouble, mayBeAnswered, noRoom, refuse, sshTrouble } from "./trouble.js";
import type { Turns } from "./turns.js";

export interface SshOptions {
  /** Whether ssh may ask on the terminal (pass phrases, host keys). */
  readonly interactive: boolean;
  /** Set where other hosts may want to ask, too: then only one that does not let us in without a question asks, in its turn. */
  readonly turns?: Turns;
  /** The ssh to run. */
  readonly program?: string;
}

/** A line on standard error tells the command's own exit code: ssh's 255 is then never taken for one. */
const EXIT = "converge-exit";
const TELL_EXIT = `"$@"; status=$?; printf "\\n${EXIT} %s\\n" "$status" >&2; exit "$status"`;
/** sockaddr_un holds 108 bytes: directory, %C (40) and the suffix of ssh's temporary name (17). */
const LONGEST_DIRECTORY = 45;
/** Names that ssh takes as they are in its ControlPath: no `%` to be expanded, no space or quote to end it, a byte for each letter. */
const FIT = /^[\w./+:@,-]+$/;
const CONNECT_TIMEOUT_SECONDS = 10;
const LONGEST_SAID = 64 * 1024;
/** What sshd leaves for logging in (sshd_config(5), LoginGraceTime): an answer after it is of no use, and others wait. */
const ANSWER_SECONDS = 120;
/**
 * Ctrl-C on the terminal is for converge. The master gets out of its way by itself; a jump host's ssh, or what else ssh goes through,
 * stays in the foreground, and to end it would cut the connection at the very moment when the run is to be asked to stop. A session of
 * its own would do as well, but ssh could ask nothing there.
 */
const UNINTERRUPTED = `trap "" INT; exec "$@"`;
/** What a command counts as that nobody waits for any more: ended by SIGTERM. */
const GAVE_UP = 128 + 15;
/** Words of a process that is over come at once, or on a busy machine a little later. */
const SAID_MS = 2000;

/** A connection that all commands share, by the directory of its socket; or why there is none. */
type Opened = { readonly directory: string } | { readonly trouble: Diagnostic };

/**
 * A host over the system's OpenSSH: the user's ssh_config, agents, jump hosts and known hosts are used as they
 * are. One connection is opened and all commands share it (ssh_config(5), ControlMaster).
 */
export class SshHost implements Host {
  readonly kind = "ssh";
  /** Unset: the next command opens one. */
  private opened: Promise<Opened> | undefined;
  /** Nobody wants it any more: an attempt to connect is not waited for. */
  private readonly closing = new AbortController();
  private closed: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly connection: Connection,
    private readonly become: Become | undefined,
    private readonly options: SshOptions,
  ) {}

  run(command: Command, options: RunOptions = {}): Promise<Checked<CommandResult>> {
    return this.start(command, options, options.become);
  }

  follow(command: Command, onLine: (line: string) => void, signal?: AbortSignal): Promise<Checked<CommandResult>> {
    return this.start(command, signal === undefined ? { onLine } : { onLine, signal }, undefined);
  }

  close(): Promise<void> {
    this.closing.abort();
    // who closes it a second time waits for the first
    return (this.closed ??= this.drop());
  }

  private async drop(): Promise<void> {
    const opened = this.opened;
    this.opened = undefined;
    const connection = await opened;
    if (connection === undefined || "trouble" in connection) return;
    await runProcess(this.argv(["-O", "exit"], undefined, connection.directory, false), { timeoutMs: 5000 });
    await removeSocketFolder(connection.directory);
  }

  private async start(
    command: Command,
    options: ProcessOptions,
    wanted: boolean | undefined,
  ): Promise<Checked<CommandResult>> {
    const reaching = this.reach();
    const reached = options.signal === undefined ? await reaching : await unlessLeft(reaching, options.signal);
    // ssh may be asking all the while
    if (reached === "left") return { value: { exitCode: GAVE_UP, stdout: "", stderr: "" }, diagnostics: [] };
    const { opened, connection } = reached;
    if ("trouble" in connection) {
      // not for good: a host that is being booted refuses for a while, and is asked again
      if (this.opened === opened) this.opened = undefined;
      return { value: undefined, diagnostics: [connection.trouble] };
    }
    const become = (wanted ?? this.become !== undefined) ? this.become : undefined;
    const wrapped = become === undefined
      ? { command, stdin: options.stdin }
      : await wrapBecome(become, command, options.stdin);
    const remote = quoteCommand(["sh", "-c", TELL_EXIT, "sh", ...wrapped.command]);
    const { stdin: _, ...rest } = options;
    const ended = await runProcess(
      this.argv(["-T", "-o", "ControlMaster=no"], remote, connection.directory, this.options.interactive),
      wrapped.stdin === undefined ? rest : { ...rest, stdin: wrapped.stdin },
    );
    if (ended.shortage !== undefined) return refuse(noRoom(this.name, ended.shortage));
    if (ended.gaveUp === "signal") {
      return { value: { exitCode: ended.exitCode, stdout: ended.stdout, stderr: ended.stderr }, diagnostics: [] };
    }
    if (ended.gaveUp === "timeout") {
      return refuse({
        code: "host-timeout",
        summary: `${command[0]} on ${this.name} did not end in time`,
        subject: { host: this.name },
        fix: "See on the host whether it still runs.",
      });
    }
    const told = lastMatch(ended.stderr, new RegExp(`\\r?\\n?${EXIT} (\\d+)\\r?\\n`, "g"));
    if (told === undefined) {
      await this.forget(opened);
      return { value: undefined, diagnostics: [this.lost(ended.stderr)] };
    }
    // a cut may come in the middle of a line: the first half of one is none
    if (ended.rest !== "") options.onLine?.(ended.rest);
    const exitCode = Number(told[1]);
    const said = ended.stderr.slice(0, told.index) + ended.stderr.slice(told.index + told[0].length);
    if (become === undefined) return { value: { exitCode, stdout: ended.stdout, stderr: said }, diagnostics: [] };
    const stderr = unwrapBecome(become, exitCode, said);
    if (stderr.value === undefined) {
      const subject = { host: this.name };
      return { value: undefined, diagnostics: stderr.diagnostics.map((d) => ({ ...d, subject })) };
    }
    return { value: { exitCode, stdout: ended.stdout, stderr: stderr.value }, diagnostics: [] };
  }

  /** The connection that all commands share. */
  private async reach(): Promise<{ readonly opened: Promise<Opened>; readonly connection: Opened }> {
    const opened = (this.opened ??= this.connect());
    const connection = await opened;
    // one that nobody has used for a while is gone: a command would open its own, and has no terminal to ask on
    if (!this.options.interactive || "trouble" in connection || await this.isOpen(connection.directory)) return { opened, connection };
    await this.forget(opened);
    const again = (this.opened ??= this.connect());
    return { opened: again, connection: await again };
  }

  /** A connection that broke: the next command opens another. */
  private async forget(broken: Promise<Opened>): Promise<void> {
    if (this.opened !== broken) return;
    await this.drop();
  }

  private async isOpen(directory: string): Promise<boolean> {
    const { exitCode, shortage } = await runProcess(this.argv(["-O", "check"], undefined, directory, false), { timeoutMs: 5000 });
    // that nobody could ask is no reason to close it: others may be using it, and the command itself says what is short
    return exitCode === 0 || shortage !== undefined;
  }

  private get connectTimeoutSeconds(): number {
    return this.connection.connectTimeoutSeconds ?? CONNECT_TIMEOUT_SECONDS;
  }

  private lost(stderr: string): Diagnostic {
    const said = stderr.trim().split("\n").slice(-4).join("\n");
    return {
      severity: "error",
      code: "connection-lost",
      summary: `the connection to ${this.connection.address} broke before the command had ended`,
      ...(said === "" ? {} : { detail: said }),
      subject: { host: this.name },
      fix: "What was started on the host may go on there. Run the same again: it looks first.",
    };
  }

  /** Opens the connection that all commands share. Never throws: what it came to is kept, and the next command would find that again. */
  private async connect(): Promise<Opened> {
    const isFit = FIT.test(tmpdir()) && join(tmpdir(), "cvg-XXXXXX").length <= LONGEST_DIRECTORY;
    const parent = isFit ? tmpdir() : "/tmp";
    let directory: string;
    try {
      directory = await makeSocketFolder(parent);
    } catch (error) {
      const why = `no folder can be made in ${parent} for the connection's socket: ${(error as Error).message}`;
      const other = isFit ? "a folder" : "a folder with a short name of plain letters";
      return { trouble: { severity: "error", ...controllerTrouble(this.name, why, `Make room there, or set TMPDIR to ${other} that can be written to.`) } };
    }
    const trouble = await this.openMaster(directory);
    if (trouble === undefined) return { directory };
    await removeSocketFolder(directory);
    return { trouble };
  }

  private async openMaster(directory: string): Promise<Diagnostic | undefined> {
    const { interactive, turns } = this.options;
    if (turns === undefined || !interactive) return this.tryMaster(directory, interactive);
    const trouble = await this.tryMaster(directory, false);
    if (trouble === undefined || !mayBeAnswered(trouble)) return trouble;
    const asked = await turns.take(this.name, this.closing.signal, async () => ({
      trouble: await this.tryMaster(directory, true, ANSWER_SECONDS + this.connectTimeoutSeconds),
    }));
    // who gave no answer leaves it at what was said before
    const isUnanswered = asked?.trouble !== undefined && asked.trouble.detail === undefined && asked.trouble.code !== "controller-trouble";
    return asked === undefined || isUnanswered ? trouble : asked.trouble;
  }

  /** @param seconds how long it may take; by default for ever where ssh may ask */
  private async tryMaster(
    directory: string, mayAsk: boolean, seconds: number | undefined = mayAsk ? undefined : this.connectTimeoutSeconds + 30,
  ): Promise<Diagnostic | undefined> {
    const argv = this.argv(["-M", "-N", "-f", "-T", "-o", "ControlPersist=120"], undefined, directory, mayAsk);
    const room = await whereThereIsRoom(() => execa("sh", ["-c", UNINTERRUPTED, "sh", ...argv], {
      stdin: "ignore", stdout: "ignore", stderr: "pipe", reject: false, buffer: false, cancelSignal: this.closing.signal,
      ...(seconds === undefined ? {} : { timeout: seconds * 1000 }),
    }), { signal: this.closing.signal });
    if ("shortage" in room) return { severity: "error", ...noRoom(this.name, room.shortage) };
    const child = room.started;
    let shortage: string | undefined;
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      // the end says why; a server's banner may be as long as it likes
      said = (said + chunk.toString("utf8")).slice(-LONGEST_SAID);
    });
    const hasSaidAll = new Promise<void>((resolve) => {
      child.stderr.once("close", resolve);
    });
    // not until its streams are closed: a jump host's ssh goes on in the background and holds them
    const exitCode = await new Promise<number | undefined>((resolve) => {
      child.once("exit", (code) => {
        resolve(code ?? 255);
      });
      // where nothing could be started at all there may be no event of it
      void child.then(({ code }) => {
        shortage = shortageOf(code);
        resolve(undefined);
      });
    });
    // why it failed is on its way still; what holds the stream open longer has nothing to say of that
    if (exitCode !== 0 && exitCode !== undefined) await Promise.race([hasSaidAll, new Promise((resolve) => setTimeout(resolve, SAID_MS).unref())]);
    child.stderr.destroy();
    if (exitCode === 0) return undefined;
    const { name } = this;
    if (shortage !== undefined) return { severity: "error", ...noRoom(name, shortage) };
    if (exitCode === undefined || exitCode === 126 || exitCode === 127) {
      return {
        severity: "error", code: "ssh-missing", summary: `'${argv[0] ?? ""}' could not be run`,
        subject: { host: name }, fix: "Install the OpenSSH client (Debian: openssh-client).",
      };
    }
    return { ...sshTrouble(said, this.connection.address, this.options.interactive), subject: { host: name } };
  }

  /** ssh takes the first of several values: what the inventory says goes before the defaults here. */
  private argv(before: readonly string[], remote: string | undefined, directory: string, mayAsk: boolean): string[] {
    const { address, port, user, privateKeyFile, sshArguments } = this.connection;
    return [
      this.options.program ?? "ssh",
      ...before,
      "-o", `ControlPath=${directory}/%C`,
      ...(port === undefined ? [] : ["-p", String(port)]),
      ...(user === undefined ? [] : ["-l", user]),
      ...(privateKeyFile === undefined ? [] : ["-i", privateKeyFile]),
      ...sshArguments,
      ...(mayAsk ? [] : ["-o", "BatchMode=yes"]),
      "-o", `ConnectTimeout=${this.connectTimeoutSeconds}`,
      "-o", "ServerAliveInterval=15",
      "-o", "ServerAliveCountMax=4",
      "-o", "ClearAllForwardings=yes",
      "-o", "RemoteCommand=none",
      "--",
      address,
      ...(remote === undefined ? [] : [remote]),
    ];
  }
}

function lastMatch(text: string, pattern: RegExp): RegExpExecArray | undefined {
  let last: RegExpExecArray | undefined;
  for (const match of text.matchAll(pattern)) last = match;
  return last;
}
