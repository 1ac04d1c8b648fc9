import { Command } from "commander";
import { guestStatuses, renderStatuses } from "../../core/render/status.js";
import { usableWidth } from "../../core/render/view.js";
import { visibleJson } from "../../core/render/visible.js";
import { inParallel } from "../run/parallel.js";
import { commandAgainText } from "./command-again.js";
import { stylesOf } from "./complaint-lines.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT, worst } from "./exit-code.js";
import { withHosts } from "./one-host.js";
import type { CommonOptions } from "./options.js";
import { withCommonOptions } from "./options.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";

/** Hosts that are asked at a time. */
const FORKS = 5;

/** `converge status [HOST...]`: the runs that hosts know of. */
export function statusCommand(session: Session, done: (exit: ExitCode) => void): Command {
  return withCommonOptions(new Command("status"))
    .description("show what runs, waits or stopped half-way on hosts, and what comes next")
    .argument("[host...]", "hosts, groups or patterns; all of the inventory without one")
    .action(async (patterns: readonly string[], options: CommonOptions) => {
      done(await withHosts(patterns, options, session, async (hosts) => {
        const reporter = reporterFor(session, options);
        const { style } = stylesOf(session.console, !options.color);
        const observed = await inParallel(hosts, FORKS, async (named) => ({ named, observation: await session.observe(named.host) }));
        return worst(observed.map(({ named, observation }): ExitCode => {
          const { name } = named;
          if ("unreachable" in observation) {
            reporter.complain(observation.diagnostics);
            return EXIT.unreachable;
          }
          if (observation.state === undefined) {
            reporter.complain(observation.diagnostics);
            return EXIT.failed;
          }
          const guests = guestStatuses(observation.state, (command, domain) => commandAgainText(command, named, domain));
          if (options.json === true) session.console.out(`${visibleJson({ type: "runs", host: name, runs: observation.state.runs, guests })}\n`);
          else session.console.out(`${renderStatuses(name, guests, style, usableWidth(session.console.columns)).join("\n")}\n`);
          return EXIT.done;
        }));
      }));
    });
}
