import { Command } from "commander";
import type { Console } from "../terminal/console.js";
import { answerErrors, settleCommands } from "./answer-errors.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { inventoryCommand } from "./inventory-command.js";

/**
 * `converge inventory` without all that other commands need: loading that takes longer than reading a large inventory.
 * Other tools call it for every host that they look up.
 */
export async function runInventory(argv: readonly string[], console: Console): Promise<ExitCode> {
  let exit: ExitCode = EXIT.done;
  const program = new Command("converge");
  program.addCommand(inventoryCommand({ console }, (code) => {
    exit = code;
  }));
  settleCommands(program, console);
  return answerErrors(argv, console, async () => {
    await program.parseAsync([...argv], { from: "user" });
    return exit;
  });
}
