import { Command } from "commander";
import { visible } from "../../core/render/visible.js";
import { hostRuns } from "../run/host-runs.js";
import { ownMistake } from "../run/own-mistake.js";
import { watchDomain } from "../run/run-domain.js";
import { Unreachable } from "../run/target.js";
import { exitOfGuest } from "./carry-out.js";
import type { Reached } from "./command-again.js";
import { commandAgainText } from "./command-again.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT, worst } from "./exit-code.js";
import { refusal } from "./failure.js";
import { withLiveHost } from "./one-host.js";
import type { CommonOptions } from "./options.js";
import { withCommonOptions } from "./options.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";

const HELP = `
Follows the newest run of a guest from its beginning to its end; a run that has
ended is shown as it was. Ctrl-C once asks the run to stop, twice leaves it.

Example:
  converge attach -i inventory/lab.yml dom0a web1
`;

/** `converge attach HOST DOMAIN`: follows a run again. */
export function attachCommand(session: Session, done: (exit: ExitCode) => void): Command {
  return withCommonOptions(new Command("attach"))
    .description("follow a run that is under way on a host")
    .argument("<host>", "a host of the inventory")
    .argument("<domain>", "a guest there")
    .addHelpText("after", HELP)
    .action(async (host: string, domain: string, options: CommonOptions) => {
      done(await withLiveHost(host, options, session, async (named) => {
        return attach(named, domain, hostRuns(named.host), options, session);
      }));
    });
}

async function attach(
  named: Reached, domain: string, runs: ReturnType<typeof hostRuns>, options: CommonOptions, session: Session,
): Promise<ExitCode> {
  const host = named.name;
  const reporter = reporterFor(session, options);
  reporter.begin("attach", [host, domain]);
  const directory = await currentRun(named, domain, runs);
  session.runs.active = true;
  session.runs.begun = true;
  const stopListening = session.console.onSignal((signal) => { session.interruption.hear(signal); });
  try {
    const run = await watchDomain(directory, {
      runs, watcher: reporter.watch(host, domain, false), interruption: session.interruption,
      ...(session.sleep === undefined ? {} : { sleep: session.sleep }),
    });
    if (run.mistake !== undefined) reporter.complain([ownMistake(host, run.mistake)]);
    if (run.died === true) {
      reporter.say(`The run stopped half-way: its program was killed. To go on with it: ${commandAgainText("resume", named, domain)}`);
    } else if (run.end === "detached" || run.end === "lost") {
      if (run.message !== undefined) reporter.say(visible(run.message));
      reporter.say(`The run goes on on ${visible(host)}; to follow it again: ${commandAgainText("attach", named, domain)}`);
    }
    const exit = worst([exitOfGuest(run, session.interruption), ...(run.mistake === undefined ? [] : [EXIT.failed])]);
    reporter.end(exit);
    return exit;
  } finally {
    stopListening();
    session.runs.active = false;
  }
}

/** The directory of a guest's newest run, or a refusal. */
export async function currentRun(named: Reached, domain: string, runs: ReturnType<typeof hostRuns>): Promise<string> {
  try {
    const directory = await runs.current(domain);
    if (directory !== undefined) return directory;
  } catch (error) {
    if (error instanceof Unreachable) throw refusal("host-unreachable", `${named.name} was not reached: ${error.message}`, undefined, EXIT.unreachable);
    throw error;
  }
  throw refusal("no-run", `${named.name} knows of no run for a guest '${domain}'`, `See what it knows: ${commandAgainText("status", named)}`);
}
