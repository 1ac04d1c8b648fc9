import { usableWidth } from "../../core/render/view.js";
import type { Connection } from "../../core/inventory/connection.js";
import type { Observation } from "../run/target.js";
import type { Interruption } from "../run/interruption.js";
import type { Host } from "../hosts/host.js";
import type { Console } from "../terminal/console.js";
import { complaintLines, stylesOf } from "./complaint-lines.js";
import { describeStep } from "./describe-step.js";
import { jsonReporter } from "./json-reporter.js";
import type { CommonOptions } from "./options.js";
import type { Reporter } from "./reporter.js";
import { textReporter } from "./text-reporter.js";

/** What a command works with: handed in, so that tests run commands in-process. */
export interface Session {
  readonly console: Console;
  readonly interruption: Interruption;
  /** Opens a host; tests hand in one of their own. `alone`: no other host is opened that ssh may ask about. */
  readonly openHost: (name: string, connection: Connection, alone: boolean) => Host;
  /** Looks at a host. */
  readonly observe: (host: Host, leave?: AbortSignal) => Promise<Observation>;
  /** Milliseconds, of a clock that nobody sets. */
  readonly clock: () => number;
  /** What time it is here, in seconds since the epoch. */
  readonly now: () => number;
  /** Waits between attempts to reach a host again. */
  readonly sleep?: (seconds: number, leave: AbortSignal) => Promise<void>;
  /** From here on signals steer a run; before, they end the command. */
  readonly runs: { active: boolean; begun: boolean };
}

/** How a command tells what it has to say. */
export function reporterFor(session: Session, options: Pick<CommonOptions, "json" | "color" | "verbose">): Reporter {
  const { console } = session;
  if (options.json === true) return jsonReporter(console, describeStep);
  const { style, errStyle } = stylesOf(console, !options.color);
  const width = usableWidth(console.columns);
  return textReporter({
    console,
    view: { width, style, verbosity: options.verbose, describe: describeStep },
    complaints: (diagnostics) => complaintLines(diagnostics, style, width),
    errComplaints: (diagnostics) => complaintLines(diagnostics, errStyle, width),
  });
}
