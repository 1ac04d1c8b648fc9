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
  const { bold, green, red, cyan, dim, yellow } = new Chalk({ level: 1 });
  // chalk joins all its arguments, and `map` gives three
  const one = (paint: (text: string) => string) => (text: string): string => paint(text);
  return {
    heading: one(bold), name: one(bold), added: one(green), removed: one(red), hunk: one(cyan), faint: one(dim),
    command: one(cyan), good: one(green), warning: one(yellow), danger: one(bold.red),
  };
}
