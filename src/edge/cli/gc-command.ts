import { Command, InvalidArgumentError } from "commander";
import { KEPT_SECONDS } from "../../core/diff/diff-collect.js";
import type { CollectWish, GuestRetention } from "../../core/diff/diff-collect.js";
import { globMatches } from "../../core/load/glob.js";
import { parseDuration } from "../../core/load/duration.js";
import type { DesiredDomain } from "../../core/model/desired.js";
import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";
import { hasErrors } from "../../core/model/diagnostic.js";
import type { HostState } from "../../core/model/host-state.js";
import type { HostPlan } from "../../core/model/plan.js";
import { planCollect } from "../../core/plan/plan-collect.js";
import { formatInstant } from "../../core/render/figures.js";
import { hostRuns } from "../run/host-runs.js";
import { sha256 } from "../run/plan-target.js";
import type { Target, Wishes } from "../run/target.js";
import { previewAndApply, refuseWithoutTerminal } from "./apply-playbooks.js";
import type { ExitCode } from "./exit-code.js";
import { refusal } from "./failure.js";
import { readText } from "./files.js";
import { withHosts } from "./one-host.js";
import type { NamedHost } from "./one-host.js";
import type { RunOptions } from "./options.js";
import { collect, withCommonOptions, withForks, withLimit } from "./options.js";
import { commandLine } from "./rollback-command.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";
import type { Work } from "./work.js";
import { readInput, wanted, workFromPlaybooks } from "./work.js";

const HELP = `
Examples:
  converge gc --check -i inventory/lab.yml playbooks/web.yml   only look
  converge gc -i inventory/lab.yml dom0a dom0b                 look, ask, do it
  converge gc -i inventory/lab.yml --keep-for 7d --yes         all hosts

Deletes images that were retired (source: retire) and are past their time, and
the books of runs that began as long ago. How long is what move.keep_for in the
playbooks says; where none is given, or none says it, 30 days, or what the move
that retired the image has said, if that is longer. Without a deleted image
there is no rollback any more: the preview names each. What is not sure to be
converge's own, or that anything on the host still names or has open, stays,
with the reason.
`;

interface GcOptions extends RunOptions {
  readonly keepFor?: number;
}

/** `converge gc [PLAYBOOK...|HOST...]`: removes retired images and books of runs that are past their time. */
export function gcCommand(session: Session, commands: () => readonly string[], done: (exit: ExitCode) => void): Command {
  return withForks(withLimit(withCommonOptions(new Command("gc")), "with playbooks: "))
    .description("remove retired images and books of runs that are past their time")
    .argument("[playbook|host...]", "playbooks, or hosts, groups or patterns; all hosts of the inventory without one")
    .option("--domain <glob>", "only guests of these names (repeatable)", collect, [])
    .option("--keep-for <time>", "keep them this long (14d, 12h), whatever playbooks say", duration)
    .option("-C, --check", "only look and show: nothing is changed on any host")
    .option("--detailed-exitcode", "with --check: exit 2 when changes are pending")
    .option("--yes", "do not ask; needed where there is no terminal")
    .addHelpText("after", HELP)
    .action(async (names: readonly string[], options: GcOptions) => {
      refuseWithoutTerminal(options, session);
      const playbooks = names.filter(isPlaybook);
      if (playbooks.length > 0 && playbooks.length < names.length) {
        throw refusal("bad-usage", "gc takes playbooks or hosts, not both", "With playbooks, take a part of the hosts by --limit.");
      }
      done(playbooks.length > 0 ? await byPlaybooks(playbooks, commands(), options, session) : await byHosts(names, options, session));
    });
}

function duration(value: string): number {
  const seconds = parseDuration(value);
  if (seconds === undefined) throw new InvalidArgumentError("it takes a time with its unit: 14d, 12h, 0s.");
  return seconds;
}

/** A name that is a file here, or that looks like a playbook's, so that a mistyped one is not taken for a host. */
function isPlaybook(name: string): boolean {
  return /\.ya?ml$/i.test(name) || (name.includes("/") && readText(name) !== undefined);
}

async function byPlaybooks(files: readonly string[], commands: readonly string[], options: GcOptions, session: Session): Promise<ExitCode> {
  const work = await workFromPlaybooks(files.map((file) => readInput(file, commands)), options, session);
  try {
    const at = commandLine(`converge gc ${files.join(" ")}`);
    const targets = work.targets.map((target) => {
      const retentions = (state: HostState): readonly GuestRetention[] => (target.wishes(state).value?.domains ?? []).map(retentionOf);
      return collecting({ ...target, wishes: (state) => exceptKnown(target.wishes(state), state) }, session, (state) => ({
        ...wishNow(options, state), at,
        guests: options.keepFor === undefined ? retentions(state) : retentions(state).map(({ domain }) => ({ domain, disks: [] })),
      }));
    });
    return await run({ ...work, targets }, files, options, session);
  } finally {
    await work.close();
  }
}

/** A guest that is gone is no slip of the pen where the books of some host still know it: it is met there. */
function exceptKnown({ value, diagnostics }: Checked<Wishes>, state: HostState): Checked<Wishes> {
  if (value === undefined) return { value, diagnostics };
  // its last run stays in the books when all else of it is gone
  const known = [...knownGuests(state), ...state.runs.map(({ domain }) => domain)];
  const met = value.missing.map(({ pattern }) => pattern).filter((pattern) => known.some((name) => globMatches(pattern, name)));
  return { value: { ...value, met: [...value.met, ...met], missing: value.missing.filter(({ pattern }) => !met.includes(pattern)) }, diagnostics };
}

function retentionOf({ name, move, disks }: DesiredDomain): GuestRetention {
  return {
    domain: name, ...(move.keepForSeconds === undefined ? {} : { keepForSeconds: move.keepForSeconds }),
    disks: disks.flatMap(({ vdev, move: { keepForSeconds } }) => (keepForSeconds === undefined ? [] : [{ vdev, keepForSeconds }])),
  };
}

async function byHosts(patterns: readonly string[], options: GcOptions, session: Session): Promise<ExitCode> {
  if (options.limit.length > 0) throw refusal("bad-usage", "--limit belongs to playbooks", "Name the hosts themselves: a pattern such as 'xen:&lab' does.");
  return withHosts(patterns, options, session, (hosts) => {
    const at = commandLine(`converge gc ${patterns.join(" ")}`);
    const work = collectOn(hosts, (state) => ({
      ...wishNow(options, state), at,
      ...(options.domain.length === 0 ? {} : { guests: knownGuests(state).filter((name) => wanted(name, options.domain)).map((domain) => ({ domain, disks: [] })) }),
    }), session);
    return run(work, patterns, options, session);
  });
}

function wishNow({ keepFor }: GcOptions, state: HostState): Omit<CollectWish, "at"> {
  return { keepForSeconds: keepFor ?? KEPT_SECONDS, ...(keepFor === undefined ? {} : { byHand: true }), now: state.now ?? 0, lastRuns: state.runs.map(({ run }) => run) };
}

function knownGuests({ retired, past }: HostState): readonly string[] {
  return [...new Set([...(retired ?? []), ...(past ?? [])].map(({ domain }) => domain))];
}

async function run(work: Work, inputs: readonly string[], options: GcOptions, session: Session): Promise<ExitCode> {
  const reporter = reporterFor(session, options);
  reporter.begin(options.check === true ? "check" : "gc", inputs);
  const exit = await previewAndApply(work, [], options, session, reporter);
  reporter.end(exit);
  return exit;
}

/**
 * Hosts whose leftovers are to go.
 * @param seen a host as it is planned from
 */
export function collectOn(
  hosts: readonly NamedHost[], wishFor: (state: HostState) => CollectWish, session: Session, seen: (state: HostState) => HostState = (state) => state,
): Work {
  return {
    targets: hosts.map(({ name, connection, reach, host }) => collecting({
      name, connection, reach, runs: hostRuns(host), observe: (leave) => session.observe(host, leave),
      wishes: () => ({ value: { domains: [], missing: [], met: [] }, diagnostics: [] }),
      guests: (state) => [...Object.keys(state.domains), ...state.runs.map(({ domain }) => domain), ...knownGuests(state)],
    }, session, wishFor, seen)),
    batches: [{ hosts: hosts.map(({ name }) => name), maxFailPercent: 100 }],
    diagnostics: [],
    close: () => Promise.resolve(),
  };
}

/** Nothing is overdue by a clock that may be wrong, and one of two that are a day apart is. */
function clocksApart({ now, host }: HostState, here: number): Diagnostic | undefined {
  if (now === undefined || Math.abs(now - here) <= 24 * 60 * 60) return undefined;
  return {
    severity: "error", code: "clocks-apart", subject: { host: host.name },
    summary: `it is ${formatInstant(now)} on ${host.name}, and ${formatInstant(here)} here`,
    detail: "What is past its time goes by the host's clock, and more than a day lies between the two: one of them is wrong.",
    fix: "Set the clock that is wrong, and run gc again.",
  };
}

/** The wish is made once, at the first look: what comes of age while somebody reads the preview has to wait. */
function collecting(
  target: Target, session: Session, wishFor: (state: HostState) => CollectWish, seen: (state: HostState) => HostState = (state) => state,
): Target {
  let made: CollectWish | undefined;
  return {
    ...target,
    plan: (state): HostPlan => {
      const { diagnostics } = target.wishes(state);
      if (hasErrors(diagnostics)) return { host: target.name, domains: [], diagnostics };
      // once: the time that counts is that of the first look
      const apart = made !== undefined || target.connection.kind === "recorded" ? undefined : clocksApart(state, session.now());
      if (apart !== undefined) return { host: target.name, domains: [], diagnostics: [apart] };
      made ??= wishFor(state);
      return planCollect(seen(state), made, sha256);
    },
    wish: (domain) => {
      if (made === undefined) throw new Error("nothing was planned yet");
      const guests = made.guests?.filter((guest) => guest.domain === domain) ?? [{ domain, disks: [] }];
      return { wish: "collect", collect: { ...made, guests } };
    },
  };
}
