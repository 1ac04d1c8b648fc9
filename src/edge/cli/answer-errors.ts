import type { Command, Option } from "commander";
import { CommanderError, Help } from "commander";
import { usableWidth } from "../../core/render/view.js";
import type { Console } from "../terminal/console.js";
import { describeBug } from "./bug.js";
import { complaintLines, stylesOf } from "./complaint-lines.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { Refusal, refusal } from "./failure.js";

/**
 * Does what a command line asks for, and answers what it throws: a refusal is told, anything else is a bug.
 * @param tell how refusals are told, if not as text on standard error
 */
export async function answerErrors(
  argv: readonly string[], console: Console, work: () => Promise<ExitCode>, tell?: (refusal: Refusal) => void,
): Promise<ExitCode> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    const refused = error instanceof CommanderError ? misused(error, argv) : error;
    if (!(refused instanceof Refusal)) {
      console.err(describeBug(refused, argv));
      return EXIT.failed;
    }
    if (tell !== undefined) tell(refused);
    else {
      const { errStyle } = stylesOf(console, argv.includes("--no-color"));
      console.err(`${complaintLines(refused.diagnostics, errStyle, usableWidth(console.columns)).join("\n")}\n`);
    }
    return refused.exit;
  }
}

/** What commander found, as any other complaint: `error: unknown option '--chek'`, and on a second line what may have been meant. */
function misused({ message }: CommanderError, argv: readonly string[]): Refusal {
  const [summary = "", ...more] = message.split("\n");
  const [command = ""] = argv;
  const hint = more.join(" ").trim().replace(/^\((.*)\)$/, "$1 ");
  const [, option] = /^error: unknown option '([^'=]+)/.exec(message) ?? [];
  // commander looks at those of the program too, and finds the very same
  const meant = option !== undefined && hint.includes(`Did you mean ${option}?`) ? `'converge ${command}' has no such option, other commands have it. ` : hint;
  return refusal("bad-usage", summary.replace(/^error: /, ""), `${meant}Try: converge ${/^[a-z]+$/.test(command) ? `${command} ` : ""}--help`);
}

/** What holds for the program and each of its commands: errors are thrown, help fits the terminal. */
export function settleCommands(program: Command, console: Console): void {
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showHelpAfterError(false)
      .showSuggestionAfterError(true)
      .configureHelp({ helpWidth: Math.min(usableWidth(console.columns), 100), minWidthToWrap: 20, optionDescription: describeOption })
      .configureOutput({
        writeOut: console.out,
        writeErr: console.err,
        // told as other complaints are: see answerErrors
        outputError: () => undefined,
      });
  }
}

/** That an option which may be repeated begins with an empty list is not worth telling. */
function describeOption(option: Option): string {
  return Array.isArray(option.defaultValue) ? option.description : new Help().optionDescription(option);
}
