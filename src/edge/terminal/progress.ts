import ora from "ora";
import type { RunEvent } from "../../core/model/run-event.js";
import { eventText, liveLine, progressText } from "../../core/render/event-line.js";
import { formatElapsed } from "../../core/render/figures.js";
import type { Style } from "../../core/render/style.js";
import { columns } from "../../core/render/wrap.js";
import { visible } from "../../core/render/visible.js";
import type { Console } from "./console.js";

/** Shows a run while it goes on. */
export interface Progress {
  readonly event: (event: RunEvent) => void;
  /** A word of converge's own: a lost connection, what a stop waits for. */
  readonly say: (text: string) => void;
  /** Nothing of it stays on the screen but the lines that were printed. */
  readonly close: () => void;
}

export interface ProgressOptions {
  readonly console: Console;
  readonly style: Style;
  readonly domain: string;
  readonly verbosity: number;
  /** Others are shown at the same time: only whole lines then, each with its guest's name. */
  readonly besideOthers: boolean;
}

/** A line that moves on a terminal, plain lines elsewhere. */
export function showProgress(options: ProgressOptions): Progress {
  const { console, besideOthers } = options;
  const { isTTY, columns: width = 0 } = console.errStream;
  // a terminal that does not say how wide it is (a serial line, script(1)) could not be tidied up behind a moving line
  const moves = console.outIsTTY && isTTY === true && width > 0 && console.env["TERM"] !== "dumb"
    // ora does not move a line where it finds this, and prints each word of it as a line of its own
    && (console.env["CI"] ?? "") === "";
  return moves && !besideOthers ? live(options) : lines(options);
}

/** On a pipe a copy tells itself at each of these shares, or after this time, whichever comes first. */
const EVERY_PERCENT = 10;
const EVERY_SECONDS = 30;

function lines({ console, style, domain, verbosity }: ProgressOptions): Progress {
  let beganAt: number | undefined;
  let told = { id: "", percent: 0, at: 0 };
  return {
    event: (event) => {
      beganAt ??= event.at;
      if (event.event === "progress") {
        const isNew = told.id !== event.id;
        if (!isNew && event.percent - told.percent < EVERY_PERCENT && event.at - told.at < EVERY_SECONDS) return;
        told = { id: event.id, percent: event.percent, at: event.at };
      } else if (eventText(event).loudness === "detail" && verbosity === 0) {
        return;
      }
      console.out(`${liveLine(event, beganAt, domain, style)}\n`);
    },
    say: (text) => { console.err(`${visible(domain)}: ${visible(text)}\n`); },
    close: () => undefined,
  };
}

function live({ console, style, domain, verbosity }: ProgressOptions): Progress {
  const spinner = ora({ stream: console.errStream, discardStdin: false, hideCursor: true, color: "cyan" });
  let beganAt: number | undefined;
  let title = "";
  let since = 0;
  const print = (text: string): void => {
    const spins = spinner.isSpinning;
    if (spins) spinner.stop();
    console.out(`${text}\n`);
    if (spins) spinner.start();
  };
  /** What is at the end matters most: the start gives way. A line that wraps could not be taken back. */
  const spin = (start: string, end: string): void => {
    const room = Math.max((console.errStream.columns ?? 80) - 3 - columns(end), 10);
    const shown = columns(start) > room ? `${Array.from(start).slice(0, room - 3).join("")}...` : start;
    spinner.text = `${shown}${end}`;
    if (!spinner.isSpinning) spinner.start();
  };
  return {
    event: (event) => {
      beganAt ??= event.at;
      const clock = formatElapsed(event.at - beganAt).padStart(7);
      if (event.event === "step") {
        title = visible(event.title);
        since = event.at;
        spin(`${clock}  ${visible(domain)}  ${title}`, "");
      } else if (event.event === "progress") {
        spin(`${clock}  ${visible(domain)}  ${title}`, `: ${progressText(event)}`);
      } else if (event.event === "done") {
        if (spinner.isSpinning) spinner.stop();
        const took = event.at - since >= 1 ? style.faint(` (${formatElapsed(event.at - since)})`) : "";
        print(`${clock}  ${style.name(visible(domain))}  ${title}${took}`);
      } else if (eventText(event).loudness !== "detail" || verbosity > 0) {
        print(liveLine(event, beganAt, domain, style));
      }
      if (event.event === "end" && spinner.isSpinning) spinner.stop();
    },
    say: (text) => { print(style.warning(`${visible(domain)}: ${visible(text)}`)); },
    close: () => {
      if (spinner.isSpinning) spinner.stop();
    },
  };
}
