import type { Console } from "../terminal/console.js";
import { describeBug } from "./bug.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";

/**
 * Tells what nobody catches as what it is. Node.js would end with its stack and with 1, which is said to mean that nothing was changed,
 * and leave connections behind.
 * @param leave ends the process
 * @returns what the process ends with, given what the command itself comes to
 */
export function heedUncaught(argv: readonly string[], console: Console, leave: () => void): (exit: ExitCode) => ExitCode {
  const uncaught: unknown[] = [];
  console.onUncaught?.((error) => {
    uncaught.push(error);
    console.err(`\n${describeBug(error, argv)}`);
    leave();
  });
  return (exit) => (uncaught.length === 0 ? exit : EXIT.failed);
}
