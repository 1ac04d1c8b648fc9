/**
 * The one place that turns values into shell text. Everywhere else a command is an argv array.
 */

/** A command on a host: program and arguments, nothing for a shell to interpret. */
export type Command = readonly [program: string, ...args: string[]];

/** What a command did. Output is bytes decoded as latin1 or UTF-8 by whoever reads it. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/**
 * Quotes one word for a POSIX shell. Words of harmless characters stay bare, so that previews read well; all else
 * is put in single quotes, where nothing is special but the quote itself (POSIX.1-2017, XCU 2.2.2).
 * @throws RangeError for a NUL character, which no argument can hold
 */
export function quoteWord(word: string): string {
  if (word.includes("\0")) throw new RangeError("an argument cannot hold a NUL character");
  // a leading `=` or `~` would be bare-word syntax in some shells
  if (PLAIN.test(word) && !word.startsWith("=")) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command as shell text: what a preview shows is what runs. */
export function quoteCommand(command: readonly string[]): string {
  return command.map(quoteWord).join(" ");
}
