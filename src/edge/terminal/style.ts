import { Chalk } from "chalk";
import type { Style } from "../../core/render/style.js";
import { plainStyle } from "../../core/render/style.js";

/** What decides about colour; see https://no-color.org and https://force-color.org. */
export interface ColourWishes {
  /** `--no-color` was given. */
  readonly noColor: boolean;
  readonly isTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Colours where they are wanted: `--no-color` and a NO_COLOR that is not empty forbid them, FORCE_COLOR asks for
 * them (`0` and `false` forbid), otherwise a terminal that is not `dumb` gets them.
 */
export function chooseStyle(wishes: ColourWishes): Style {
  return wantsColour(wishes) ? colours() : plainStyle;
}

function wantsColour({ noColor, isTTY, env }: ColourWishes): boolean {
  if (noColor || (env["NO_COLOR"] ?? "") !== "") return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  return isTTY && env["TERM"] !== "dumb";
}

function colours(): Style {
  // the sixteen colours that every terminal has and every user has made readable for himself
  const chalk = new Chalk({ level: 1 });
  return {
    heading: chalk.bold,
    name: chalk.bold,
    added: chalk.green,
    removed: chalk.red,
    hunk: chalk.cyan,
    faint: chalk.dim,
    command: chalk.cyan,
    good: chalk.green,
    warning: chalk.yellow,
    danger: chalk.bold.red,
  };
}
