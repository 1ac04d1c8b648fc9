import { Command } from "commander";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { HostState, RunRecord } from "../../core/model/host-state.js";
import { own } from "../../core/model/own.js";
import { goesForward, isHalfWay } from "../../core/plan/join-run.js";
import type { SavedWish } from "../../core/plan/saved-wish.js";
import { readSavedWish } from "../../core/plan/saved-wish.js";
import { formatInstant } from "../../core/render/figures.js";
import { visible } from "../../core/render/visible.js";
import { hostRuns } from "../run/host-runs.js";
import type { HostRuns } from "../run/target.js";
import { Unreachable } from "../run/target.js";
import { canAsk, confirm } from "../terminal/prompt.js";
import { previewAndApply, refuseWithoutTerminal } from "./apply-playbooks.js";
import { commandAgainText } from "./command-again.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT, worst } from "./exit-code.js";
import { Refusal, refusal } from "./failure.js";
import { withLiveHost } from "./one-host.js";
import type { NamedHost } from "./one-host.js";
import type { CommonOptions } from "./options.js";
import { withCommonOptions } from "./options.js";
import type { Reporter } from "./reporter.js";
import { collectOn } from "./gc-command.js";
import { commandLine, workOn } from "./rollback-command.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";
import type { Work } from "./work.js";

const HELP = `
Example:
  converge resume -i inventory/lab.yml dom0a web1

Goes on with the newest run of a guest where it stopped half-way, from what the
host's own books hold: no playbook is needed. What a run that died has left is
taken back first, or finished where its commit was begun. Then what it was
for is planned anew, shown, and done. Each of the two is asked for.
`;

interface ResumeOptions extends CommonOptions {
  readonly check?: boolean;
  readonly yes?: boolean;
  readonly detailedExitcode?: boolean;
}

/** `converge resume HOST DOMAIN`: goes on with a run that stopped half-way. */
export function resumeCommand(session: Session, done: (exit: ExitCode) => void): Command {
  return withCommonOptions(new Command("resume"))
    .description("go on with a run that stopped half-way, from what its host remembers")
    .argument("<host>", "a host of the inventory")
    .argument("<domain>", "a guest there")
    .option("-C, --check", "only look and show: nothing is changed")
    .option("--detailed-exitcode", "with --check: exit 2 when changes are pending")
    .option("--yes", "do not ask; needed where there is no terminal")
    .addHelpText("after", HELP)
    .action(async (host: string, domain: string, options: ResumeOptions) => {
      refuseWithoutTerminal(options, session);
      done(await withLiveHost(host, options, session, async (named) => {
        try {
          return await resume(named, domain, options, session);
        } catch (error) {
          if (!(error instanceof Unreachable)) throw error;
          throw refusal("host-unreachable", `${named.name} was not reached: ${error.message}`, undefined, EXIT.unreachable);
        }
      }));
    });
}

async function resume(named: NamedHost, domain: string, options: ResumeOptions, session: Session): Promise<ExitCode> {
  const reporter = reporterFor(session, options);
  reporter.begin(options.check === true ? "check" : "resume", [named.name, domain]);
  const runs = hostRuns(named.host);
  const run = newestRun(await observed(named, session), named, domain);
  const directory = await runs.current(domain);
  if (directory === undefined) throw refusal("no-run", `${named.name} knows of no run for a guest '${domain}'`, `See what it knows: ${commandAgainText("status", named)}`);
  const text = await runs.savedPlan(directory);
  const wish = text === undefined ? undefined : readSavedWish(text, commandLine(`converge resume ${named.name} ${domain}`));
  const exit = await settle({ run, directory, named, text: text ?? "", kind: wish?.wish }, runs, options, session, reporter);
  const ended = exit ?? (wish === undefined
    ? withoutWish(run, named, domain, text, reporter)
    : await previewAndApply(workFor(named, wish, session, options.check === true), [], { ...options, limit: [], domain: [], forks: 1 }, session, reporter));
  const pending = options.check === true && options.detailedExitcode === true && isHalfWay(run) ? [EXIT.pending] : [];
  const told = worst([ended, ...pending]);
  reporter.end(told);
  return told;
}

async function observed(named: NamedHost, session: Session): Promise<HostState> {
  const observation = await session.observe(named.host);
  if ("unreachable" in observation) throw new Unreachable(observation.unreachable);
  if (observation.state === undefined) throw new Refusal(observation.diagnostics, EXIT.failed);
  return observation.state;
}

function newestRun(state: HostState, named: NamedHost, domain: string): RunRecord {
  const run = state.runs.find((one) => one.domain === domain);
  if (run === undefined) throw refusal("no-run", `${named.name} knows of no run for a guest '${domain}'`, `See what it knows: ${commandAgainText("status", named)}`);
  if (run.state !== "running") return run;
  throw refusal(
    "still-running", `the run of ${domain} is not over: ${run.owner} began it at ${formatInstant(run.since)}`,
    `Follow it: ${commandAgainText("attach", named, domain)}`, EXIT.refused,
  );
}

/** A run that is to be settled, and the text of the plan beside it. */
interface Unsettled {
  readonly run: RunRecord;
  readonly directory: string;
  readonly named: NamedHost;
  readonly text: string;
  /** What it was for, where that can be read. */
  readonly kind: SavedWish["wish"] | undefined;
}

/**
 * Takes back what a dead run left, or finishes it. Afterwards the host is looked at again, and planned.
 * @returns how the command ends, where it goes no further
 */
async function settle(
  { run, directory, named, text, kind }: Unsettled, runs: HostRuns, options: ResumeOptions, session: Session, reporter: Reporter,
): Promise<ExitCode | undefined> {
  if (run.state !== "stopped" && run.unfinished === undefined) return undefined;
  const at = run.step === undefined ? "before its first step" : `at: ${visible(run.step.title)}`;
  reporter.say(`The run ${run.run} of ${visible(run.owner)}, begun ${formatInstant(run.since)}, stopped ${at}`);
  reporter.say(whatRecoveryDoes(run, kind));
  if (options.check === true) {
    reporter.say("Then what it was for is planned anew; as the host is now, that is:");
    return undefined;
  }
  if (options.yes !== true) {
    const answer = canAsk(session.console) ? await confirm(session.console, "\nDo that now?") : "no";
    if (answer !== "yes") {
      reporter.say("Nothing was changed.");
      return answer === "interrupted" ? EXIT.interrupted : EXIT.usage;
    }
  }
  // from here on it would not be true that nothing was changed
  session.runs.begun = true;
  const left = await runs.recover(directory);
  if (left === undefined) {
    const state = await observed(named, session);
    const now = state.runs.find((one) => one.run === run.run) ?? run;
    const down = !goesForward(now) ? undefined : whyNotUp(now, { text, kind }, state);
    if (down === undefined) {
      reporter.say(kind === "collect" ? "It has come to its end." : goesForward(now) ? "It is finished." : "It is taken back.");
      return undefined;
    }
    reporter.complain([down]);
    return EXIT.failed;
  }
  reporter.complain([{
    severity: "error", code: "not-taken-back", subject: { domain: run.domain }, summary: `something of the run ${run.run} is left`, detail: left,
    fix: `Look at it on the host, mend what stands in the way, and resume again.`,
  }]);
  return EXIT.failed;
}

/** What the host does with a run that it finds dead (recover_locked in core/program/runtime/modes.sh). */
function whatRecoveryDoes(run: RunRecord, kind: Unsettled["kind"]): string {
  if (kind === "collect") return "What it deleted stays deleted; the guest is left as it is.";
  const [before, after] = disksOf(kind);
  if (!goesForward(run)) return `What it did is taken back, the newest first; the guest runs on ${before} afterwards, if it was up.`;
  const commit = run.committedAt === undefined ? "Its commit was begun, so there is no way back" : "Its commit has happened";
  return run.committing === "offline"
    ? `${commit}: the guest stays down, and what served the run is taken away.`
    : `${commit}: the guest is brought up on ${after}, and what served the run is taken away.`;
}

/** What the guest had before the run, and what it was to have after it: of a way back, "old" could be either. */
function disksOf(kind: Unsettled["kind"]): readonly [string, string] {
  return kind === "return" ? ["its volumes", "its images"] : ["its old disks", "its new disks"];
}

/** That a guest is down which a run was to leave on its new disks. One that was moved while it was down stays so. */
function whyNotUp(run: RunRecord, { text, kind }: Pick<Unsettled, "text" | "kind">, state: HostState): Diagnostic | undefined {
  const { domain } = run;
  const guest = own(state.domains, domain);
  if (run.state !== "stopped" || run.committing === "offline" || guest?.running !== undefined || guest?.saved === true || text.includes('"kind":"commit-offline"')) return undefined;
  const [, after] = disksOf(kind);
  const otherwise = kind === "return" ? `settle the way back as it is (converge rollback ${state.host.name} ${domain})` : "run its playbook instead";
  return {
    severity: "error", code: "guest-down", subject: { host: state.host.name, domain },
    summary: `${domain} is down, and the run ${run.run} was to leave it on ${after}, running`,
    detail: "The run could not start it, or somebody has stopped it since. Its config names them.",
    fix: `Start it (xl create -f ${guest?.config?.path ?? "its config"}), and resume again. If it is down on purpose, ${otherwise}.`,
  };
}

function withoutWish(run: RunRecord, named: NamedHost, domain: string, text: string | undefined, reporter: Reporter): ExitCode {
  // it may have been a way back, and its playbook would move the guest again
  const where = text?.includes('"wish":') === true
    ? `stands in the books of ${named.name} in words that this version of converge does not know: another one wrote them, and can go on with it`
    : `is not in the books of ${named.name}`;
  reporter.say(`What the run ${run.run} was for ${where}. If it was to move ${domain}, run its playbook; if it was to bring it back, ${commandAgainText("rollback", named, domain)}.`);
  return EXIT.done;
}

/** @param asIs it is only looked: a dead run is left as it is, and nothing is refused for it */
function workFor(named: NamedHost, saved: SavedWish, session: Session, asIs: boolean): Work {
  const seen = (state: HostState): HostState => (asIs ? { ...state, runs: state.runs.filter((run) => run.state === "running") } : state);
  if (saved.wish === "return") return workOn(named, saved.back, session, seen);
  if (saved.wish === "collect") return collectOn([named], () => saved.collect, session, seen);
  const { name, connection, reach, host } = named;
  return {
    targets: [{
      name, connection, reach, runs: hostRuns(host), observe: (leave) => session.observe(host, leave),
      wishes: () => ({ value: { domains: [saved.desired], missing: [], met: [] }, diagnostics: [] }),
    }],
    batches: [{ hosts: [name], maxFailPercent: 0 }],
    diagnostics: [],
    close: () => Promise.resolve(),
  };
}
