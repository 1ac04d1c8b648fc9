import { acrossHosts, globsWithoutGuest } from "../../core/load/across-hosts.js";
import { foundDomains } from "../../core/load/found-domains.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import { hasErrors } from "../../core/model/diagnostic.js";
import type { SourceText } from "../../core/model/source.js";
import { count } from "../../core/render/figures.js";
import { isOwnMistake } from "../run/own-mistake.js";
import type { Preview } from "../run/preview.js";
import { hasWork, previewHosts } from "../run/preview.js";
import { canAsk, confirm } from "../terminal/prompt.js";
import { carryOut } from "./carry-out.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT, worst } from "./exit-code.js";
import { Refusal, refusal } from "./failure.js";
import type { RunOptions } from "./options.js";
import type { Reporter } from "./reporter.js";
import { savePlan } from "./save-plan.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";
import type { Work } from "./work.js";
import { workFromPlaybooks } from "./work.js";

/** Previews what playbooks would change; unless only looking was asked for, asks, and does it. */
export async function applyPlaybooks(sources: readonly SourceText[], options: RunOptions, session: Session): Promise<ExitCode> {
  refuseWithoutTerminal(options, session);
  const work = await workFromPlaybooks(sources, options, session);
  const reporter = reporterFor(session, options);
  try {
    reporter.begin(options.check === true ? "check" : "apply", sources.map((source) => source.file));
    const exit = await previewAndApply(work, sources, options, session, reporter);
    reporter.end(exit);
    return exit;
  } finally {
    await work.close();
  }
}

/** Said before anything is read: a job without a terminal fails at once, and always in the same way. */
export function refuseWithoutTerminal(options: Pick<RunOptions, "check" | "yes" | "json">, session: Session): void {
  if (options.check === true || options.yes === true) return;
  if (options.json === true) {
    throw refusal("needs-yes", "--json asks no questions: nothing was changed", "Add --yes to apply, or --check to look only.");
  }
  if (canAsk(session.console)) return;
  throw refusal("needs-yes", "there is no terminal to ask on: nothing was changed", "Add --yes to apply, or --check to look only.");
}

/** Shows what would be done; unless only looking was asked for, asks, and does it. */
export async function previewAndApply(
  work: Work, sources: readonly SourceText[], options: RunOptions, session: Session, reporter: Reporter,
): Promise<ExitCode> {
  reporter.complain(work.diagnostics);
  const previews = await previewHosts(work.targets, options.forks, session.clock);
  const across = acrossAll(previews, work, options.domain);
  reporter.complain(across);
  if (hasErrors(across)) {
    // a guest may be missing because its config can not be read
    const causes = previews.flatMap((preview) => ("plan" in preview ? preview.plan.diagnostics.filter((d) => d.code.startsWith("xl-") || isOwnMistake(d)) : []));
    reporter.complain(causes);
    const unreachable = previews.filter((preview) => "unreachable" in preview);
    if (unreachable.length > 0) reporter.preview(unreachable);
    return worst([...unreachable.map(verdictOf), ...(causes.some(isOwnMistake) ? [EXIT.failed] : []), exitOf(across)]);
  }
  reporter.preview(previews);
  if (options.check === true) return checked(previews, work, sources, options, reporter);
  const exit = worst(previews.map(verdictOf));
  if (!previews.some(hasWork)) return exit;
  if (previews.some(isMistaken)) {
    reporter.say("Nothing was changed, on no host: first mend what is said above.");
    return exit;
  }
  const held = heldBack(work, previews, options);
  if (held !== undefined) {
    reporter.complain([held]);
    return exit;
  }
  const recorded = recordings(work);
  if (recorded.length > 0) {
    reporter.complain(recorded);
    return EXIT.refused;
  }
  if (options.yes !== true) {
    const hosts = previews.filter(hasWork);
    const guests = hosts.flatMap(({ plan }) => plan.domains);
    const answer = await confirm(session.console, `\nApply this to ${count(guests.length, "guest")} on ${count(hosts.length, "host")}?`);
    if (answer !== "yes") {
      reporter.say("Nothing was changed.");
      return worst([exit, answer === "interrupted" ? EXIT.interrupted : EXIT.usage]);
    }
  }
  return worst([exit, await carryOut(work, previews, options, session, reporter)]);
}

/** Hosts that can only be looked at. */
export function recordings(work: Work): readonly Diagnostic[] {
  return work.targets.filter((target) => target.connection.kind === "recorded").map((target) => ({
    severity: "error", code: "host-recorded", subject: { host: target.name },
    summary: `${target.name} is a recording: it can be previewed, and nothing can be done there`,
    fix: "Give the host a real ansible_connection to apply.",
  }));
}

/**
 * The rules that only all hosts together can break.
 * @param only globs of `--domain`
 */
export function acrossAll(previews: readonly Preview[], work: Work, only: readonly string[]): readonly Diagnostic[] {
  const guests = previews.flatMap((preview) =>
    "plan" in preview && preview.state !== undefined && preview.target.guests !== undefined ? [preview.target.guests(preview.state)] : []);
  if (guests.length > 0) return guests.length === previews.length ? globsWithoutGuest(only, guests.flat()) : [];
  const matches = previews.flatMap((preview) => {
    if (!("plan" in preview) || preview.state === undefined) return [];
    const wishes = preview.wishes ?? (isCollected(preview, work) ? preview.target.wishes(preview.state).value : undefined);
    return wishes === undefined ? [] : [{ matched: { host: preview.host, ...wishes }, found: foundDomains(preview.state) }];
  });
  const elsewhere = work.askedElsewhere?.(new Set(matches.map(({ matched }) => matched.host))) ?? new Set<string>();
  const across = acrossHosts(matches, { complete: matches.length === previews.length, elsewhere, only });
  // what is removed is looked for on each host by itself, and nothing is started there
  return previews.some((preview) => isCollected(preview, work)) ? across.filter(({ code }) => code !== "domain-on-two-hosts") : across;
}

/** A playbook only says of which guests something is removed: what it wishes for them is not planned. */
function isCollected({ target }: Pick<Preview, "target">, { askedElsewhere }: Work): boolean {
  return target.plan !== undefined && askedElsewhere !== undefined;
}

function checked(
  previews: readonly Preview[], work: Work, sources: readonly SourceText[], options: RunOptions, reporter: Reporter,
): ExitCode {
  const exit = worst(previews.map(verdictOf));
  if (options.out !== undefined) {
    if (exit !== EXIT.done) {
      throw new Refusal([{
        severity: "error", code: "plan-not-saved",
        summary: `${options.out} was not written: a plan that is not whole is not saved`,
        fix: "Mend what is said above, or leave hosts out with --limit '!HOST'.",
      }], exit);
    }
    savePlan(options.out, previews, work, sources.map((source) => source.file));
    reporter.say(`The plan is saved in ${options.out}; to run it: converge apply ${options.out}`);
  }
  const pending = options.detailedExitcode === true && previews.some(hasWork);
  return worst([exit, pending ? EXIT.pending : EXIT.done]);
}

/** How a host's preview bears on the exit code. */
export function verdictOf(preview: Preview): ExitCode {
  return "unreachable" in preview ? EXIT.unreachable : exitOf(preview.plan.diagnostics);
}

/** What was written is wrong, though it takes a host to see it: nothing is begun on any. */
function isMistaken(preview: Preview): boolean {
  return "plan" in preview && preview.plan.diagnostics.some(({ severity, code }) => severity === "error" && MISTAKES.has(code));
}

/** Mistakes in what was written, which show only once the hosts are looked at. */
const MISTAKES: ReadonlySet<string> = new Set([
  "conflict", "unknown-domain", "unknown-disk", "missing-key", "duplicate-volume", "recording-missing", "recording-damaged",
]);

function exitOf(diagnostics: readonly Diagnostic[]): ExitCode {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return worst(errors.map((error) => (isOwnMistake(error) ? EXIT.failed : MISTAKES.has(error.code) ? EXIT.usage : EXIT.refused)));
}

/**
 * A host that is known beforehand to fail counts as failed in its batch: where the play does not permit that,
 * nothing is begun anywhere, rather than stopping half-way through the hosts.
 */
function heldBack(work: Work, previews: readonly Preview[], options: RunOptions): Diagnostic | undefined {
  const bad = new Set(previews.filter((preview) => verdictOf(preview) !== EXIT.done).map((preview) => preview.host));
  const batch = work.batches.find(({ hosts, maxFailPercent }) => {
    const failed = hosts.filter((host) => bad.has(host)).length;
    return failed > 0 && (failed / hosts.length) * 100 > maxFailPercent;
  });
  if (batch === undefined) return undefined;
  const names = batch.hosts.filter((host) => bad.has(host)).join(", ");
  return {
    severity: "error", code: "nothing-begun", summary: `nothing was changed on any host, because of ${names}`,
    detail: "The run would have to stop there, half-way through the hosts.",
    fix: options.limit.length > 0 ? "Mend it, or leave it out of --limit." : `Mend it, or leave it out: --limit 'all:!${names.replaceAll(", ", ":!")}'`,
  };
}
