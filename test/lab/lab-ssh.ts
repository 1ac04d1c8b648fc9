import { join } from 'node:path';
import { execa } from 'execa';

/** The accounts on the lab's Dom0. All log in by the lab's key; oppw's sudo asks for `labpw`. */
export type LabUser = 'root' | 'op' | 'oppw';

export const sudoPassword = 'labpw';

export interface RunOptions {
  readonly user?: LabUser;
  /** Written to the command's standard input. */
  readonly input?: string;
  readonly timeoutSeconds?: number;
  /** With `true`, a failing command gives its exit code back instead of throwing. */
  readonly mayFail?: boolean;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command on Dom0 that failed, with all it printed. */
export class LabCommandError extends Error {
  constructor(
    readonly command: string,
    readonly result: RunResult,
  ) {
    super(`on Dom0, exit code ${String(result.exitCode)}: ${command}\n${result.stdout}\n${result.stderr}`);
    this.name = 'LabCommandError';
  }
}

/** Quotes one word for the shell on Dom0. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A multiplexed ssh connection to one lab; `directory` is the lab's runtime directory. */
export class LabSsh {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Arguments for `ssh` up to and without the command. */
  arguments(user: LabUser = 'root'): string[] {
    const control = join(this.#directory, 'mux-%r');
    const multiplex = ['ControlMaster=auto', `ControlPath=${control}`, 'ControlPersist=60'].flatMap((option) => ['-o', option]);
    return ['-F', join(this.#directory, 'ssh_config'), ...multiplex, '-l', user, 'dom0'];
  }

  /** Runs a command: a string is read by the login shell, a list of words is taken literally. */
  async run(command: string | readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const text = typeof command === 'string' ? command : command.map(quoted).join(' ');
    const seconds = options.timeoutSeconds ?? 300;
    const done = await execa('ssh', [...this.arguments(options.user), text], {
      reject: false,
      timeout: seconds * 1000,
      ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    });
    const late = done.timedOut ? `\n(ended after ${String(seconds)} s)` : '';
    const result = { exitCode: done.exitCode ?? -1, stdout: done.stdout, stderr: done.stderr + late };
    if (result.exitCode !== 0 && options.mayFail !== true) throw new LabCommandError(text, result);
    return result;
  }
}
