import { harmlessText } from "../../core/render/caret.js";
import { toolVersion } from "./version.js";

/** What is printed for a mistake of converge's own: short, with the stack only for who asked for it. */
export function describeBug(error: unknown, argv: readonly string[]): string {
  const message = error instanceof Error ? error.message : String(error);
  const verbosity = argv.flatMap((arg) => (/^-v+$/.test(arg) ? [arg.length - 1] : arg === "--verbose" ? [1] : []));
  const isLoud = verbosity.reduce((sum, level) => sum + level, 0) >= 3;
  const stack = isLoud && error instanceof Error && error.stack !== undefined ? `${error.stack.split("\n").map(harmlessText).join("\n")}\n` : "";
  const more = isLoud ? "" : "\n  Run it again with -vvv to see where it happened.";
  return `converge ${toolVersion()} has made a mistake of its own: ${harmlessText(message)}\n${stack}`
    + `  This is a bug: please report it with what you ran.${more}\n`
    + "  Runs that were started on a host go on there; converge status shows them.\n";
}
