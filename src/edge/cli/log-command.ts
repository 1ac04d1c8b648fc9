import { dirname } from "node:path/posix";
import { Command } from "commander";
import { logLine, eventText } from "../../core/render/event-line.js";
import { readRunEvent } from "../../core/render/read-event.js";
import { visible } from "../../core/render/visible.js";
import { hostRuns } from "../run/host-runs.js";
import { Unreachable } from "../run/target.js";
import { currentRun } from "./attach-command.js";
import { stylesOf } from "./complaint-lines.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { type Refusal, refusal } from "./failure.js";
import { withLiveHost } from "./one-host.js";
import type { CommonOptions } from "./options.js";
import { withCommonOptions } from "./options.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";

interface LogOptions extends CommonOptions {
  readonly all?: boolean;
}

const HELP = `
Times are UTC, by the host's clock. -v also shows each step's end and progress.

Examples:
  converge log -i inventory/lab.yml dom0a web1
  converge log -i inventory/lab.yml dom0a web1 --all   # who did what to disks
`;

/** `converge log HOST DOMAIN`: the journal of a guest's newest run, or those of all that the host's books have. */
export function logCommand(session: Session, done: (exit: ExitCode) => void): Command {
  return withCommonOptions(new Command("log"))
    .description("print the journal of a guest's newest run, or of all")
    .argument("<host>", "a host of the inventory")
    .argument("<domain>", "a guest there")
    .option("--all", "all runs that are in the host's books, the oldest first")
    .addHelpText("after", HELP)
    .action(async (host: string, domain: string, options: LogOptions) => {
      done(await withLiveHost(host, options, session, async (named) => {
        const runs = hostRuns(named.host);
        const directory = await currentRun(named, domain, runs);
        try {
          if (options.all === true) {
            const journals = await runs.journals(domain);
            if (journals === undefined) throw unreadable("one of the journals", named.name, `${dirname(directory)}/*/journal.jsonl`);
            journals.forEach((lines, number) => {
              if (number > 0 && options.json !== true) session.console.out("\n");
              print(lines, named.name, domain, options, session);
            });
            return EXIT.done;
          }
          const lines = await runs.journal(directory);
          if (lines === undefined) throw unreadable("the journal of the newest run", named.name, `${directory}/journal.jsonl`);
          if (lines.length === 0) session.console.err(`nothing is in the journal yet: ${visible(directory)}/journal.jsonl\n`);
          print(lines, named.name, domain, options, session);
        } catch (error) {
          if (!(error instanceof Unreachable)) throw error;
          throw refusal("host-unreachable", `${named.name} was not reached: ${error.message}`, undefined, EXIT.unreachable);
        }
        return EXIT.done;
      }));
    });
}

function unreadable(what: string, host: string, path: string): Refusal {
  return refusal(
    "journal-unreadable", `${what} on ${host} can not be read: ${path}`,
    `Look at the file itself on ${host}: who may read it, and how long it is.`, EXIT.failed,
  );
}

function print(lines: readonly string[], host: string, domain: string, options: CommonOptions, session: Session): void {
  const events = lines.flatMap((line) => readRunEvent(line) ?? []);
  if (options.json === true) {
    const watcher = reporterFor(session, options).watch(host, domain, false);
    events.forEach(watcher.event);
    return;
  }
  const { style } = stylesOf(session.console, !options.color);
  for (const event of events) {
    const { loudness } = eventText(event);
    if (options.verbose === 0 && (loudness === "progress" || loudness === "detail")) continue;
    session.console.out(`${logLine(event, style)}\n`);
  }
}
