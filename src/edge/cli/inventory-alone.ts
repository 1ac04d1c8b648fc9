import { Command } from "commander";
import type { Console } from "../terminal/console.js";
import { answerErrors, settleCommands } from "./answer-errors.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { inventoryCommand } from "./inventory-command.js";
import { heedUncaught } from "./uncaught.js";

/**
 * `converge inventory` without all that other commands need: loading that takes longer than reading a large inventory.
 * Other tools call it for every host that they look up.
 */
export async function runInventory(argv: readonly string[], console: Console): Promise<ExitCode> {
  const settled = heedUncaught(argv, console, () => process.exit(EXIT.failed));
  let exit: ExitCode = EXIT.done;
  const program = new Command("converge");
  program.addCommand(inventoryCommand({ console }, (code) => {
    exit = code;
  }));
  settleCommands(program, console);
  return settled(await answerErrors(argv, console, async () => {
    await program.parseAsync([...argv], { from: "user" });
    return exit;
  }));
}
