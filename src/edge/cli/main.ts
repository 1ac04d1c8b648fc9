#!/usr/bin/env node
import { endWithoutOutput, processConsole } from "../terminal/console.js";

const console = processConsole();
const argv = process.argv.slice(2);

// what a command does not need is not loaded for it
const exit = argv[0] === "inventory"
  ? await (await import("./inventory-alone.js")).runInventory(argv, console)
  : await (await import("./run-process.js")).runInProcess(argv, console);
// output that is still under way must not be lost, and what was lost is no success
process.stdout.write("", (error) => {
  if (error) endWithoutOutput(error);
  process.stderr.write("", () => process.exit(exit));
});
