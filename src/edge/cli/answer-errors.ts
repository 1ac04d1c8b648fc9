import type { Command, Option } from "commander";
import { CommanderError, Help } from "commander";
import { usableWidth } from "../../core/render/view.js";
import type { Console } from "../terminal/console.js";
import { describeBug } from "./bug.js";
import { complaintLines, stylesOf } from "./complaint-lines.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { Refusal } from "./failure.js";

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
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof Refusal)) {
      console.err(describeBug(error, argv));
      return EXIT.failed;
    }
    if (tell !== undefined) tell(error);
    else {
      const { errStyle } = stylesOf(console, argv.includes("--no-color"));
      console.err(`${complaintLines(error.diagnostics, errStyle, usableWidth(console.columns)).join("\n")}\n`);
    }
    return error.exit;
  }
}

/** What holds for the program and each of its commands: errors are thrown, help fits the terminal. */
export function settleCommands(program: Command, console: Console): void {
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showHelpAfterError(false)
      .showSuggestionAfterError(true)
      .configureHelp({ helpWidth: Math.min(usableWidth(console.columns), 100), optionDescription: describeOption })
      .configureOutput({
        writeOut: console.out,
        writeErr: console.err,
        outputError: (text, write) => { write(`${text.trimEnd()}\nTry: converge ${command === program ? "" : `${command.name()} `}--help\n`); },
      });
  }
}

/** That an option which may be repeated begins with an empty list is not worth telling. */
function describeOption(option: Option): string {
  return Array.isArray(option.defaultValue) ? option.description : new Help().optionDescription(option);
}
