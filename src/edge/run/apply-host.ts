import { placeOf } from "../../core/model/change.js";
import type { Command } from "../../core/model/command.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { DomainPlan, HostPlan } from "../../core/model/plan.js";
import type { PlannedWork } from "../../core/plan/stale.js";
import type { SavedWish } from "../../core/plan/saved-wish.js";
import { staleness } from "../../core/plan/stale.js";
import type { GuestEnd, GuestRecap } from "../../core/render/recap.js";
import { emptyReport } from "../../core/render/run-report.js";
import type { FollowOptions } from "./follow.js";
import type { Interruption } from "./interruption.js";
import type { DomainRun, Watcher } from "./run-domain.js";
import type { Planned } from "./plan-target.js";
import { ownMistake } from "./own-mistake.js";
import { planTarget } from "./plan-target.js";
import { mistaken, runDomain, watchDomain } from "./run-domain.js";
import { Unreachable } from "./target.js";
import type { Order, Target } from "./target.js";
import { unlessLeft } from "../hosts/unless-left.js";

/** How the guests of one host ended, and what was found wrong on the way. */
export interface HostResult {
  readonly host: string;
  readonly guests: readonly GuestRecap[];
  readonly diagnostics: readonly Diagnostic[];
  readonly unreachable?: string;
}

export interface ApplyHostOptions {
  readonly target: Target;
  /** What it was shown from, and when by {@link clock}. */
  readonly seen?: Planned & { readonly at: number };
  /** Milliseconds, of a clock that nobody sets. */
  readonly clock: () => number;
  /** What was shown, or saved: only this is run. */
  readonly shown: readonly (PlannedWork & DomainPlan)[];
  readonly watch: (host: string, plan: DomainPlan) => Watcher;
  readonly interruption: Interruption;
  /** The command that follows a run again. */
  readonly followCommand: (target: Target, domain: string) => Command;
  readonly sleep?: FollowOptions["sleep"];
}

/**
 * What was seen so shortly ago, in milliseconds, is not looked at anew: a look takes about as long, and can be no younger when
 * the run begins. The program itself compares what matters once more, on the host and right before it touches the guest.
 */
const FRESH = 5000;

/**
 * Brings one host to what was shown, guest by guest. Before each guest the host is looked at anew, unless that was
 * just done: what was shown is what runs, or nothing does. Afterwards planning again has to find nothing left.
 */
export async function applyHost(options: ApplyHostOptions): Promise<HostResult> {
  const { target, shown } = options;
  const host = target.name;
  const guests: GuestRecap[] = [];
  const diagnostics: Diagnostic[] = [];
  let unreachable: string | undefined;
  /** What goes wrong with one guest keeps nobody from hearing of the others. Its run may be under way on the host. */
  const contained = async (plan: DomainPlan, work: () => Promise<DomainRun>): Promise<GuestRecap> => {
    let run: DomainRun;
    try {
      run = await work();
    } catch (error) {
      run = error instanceof Unreachable ? { end: "lost", report: emptyReport, message: error.message, unreachable: true }
        // what comes out of there came before a run was heard of
        : { ...mistaken(error), unheard: true };
    }
    if (run.unreachable === true) unreachable = run.message ?? "the connection was lost";
    if (run.mistake !== undefined) diagnostics.push(ownMistake(host, run.mistake));
    return ended(plan, run, options);
  };
  for (const plan of shown) {
    if (guests.some((guest) => !isWell(guest)) || unreachable !== undefined || options.interruption.wish !== "go on") {
      guests.push(notStarted(host, plan, "not-started"));
      continue;
    }
    const now = justSeen(options, guests.length === 0, plan.domain) ?? await lookAgain(options, plan);
    if (now === "left" || hasWished(options.interruption)) {
      guests.push(notStarted(host, plan, "not-started"));
      continue;
    }
    if ("unreachable" in now) {
      unreachable = now.unreachable;
      guests.push(notStarted(host, plan, "not-started", `${host} was not reached`));
      continue;
    }
    const joins = now.plan?.joins ?? plan.joins;
    if (joins !== undefined && (now.plan?.digest ?? plan.digest) === plan.digest && now.errors.length === 0) {
      guests.push(await contained(plan, () => join(plan, joins.run, options)));
      continue;
    }
    const found = [...now.errors, ...(now.errors.length > 0 ? [] : staleness(host, plan, now.plan))];
    if (now.plan === undefined || found.length > 0) {
      diagnostics.push(...found);
      guests.push(notStarted(host, plan, "stale", found.map((d) => d.summary).join("; ")));
      continue;
    }
    const { plan: planned } = now;
    const watcher = options.watch(host, planned);
    guests.push(await contained(planned, () => runDomain(orderFor(planned, now, target.wish?.(plan.domain)), {
      runs: target.runs, watcher, interruption: options.interruption, leavesWaiting: true,
      ...(options.sleep === undefined ? {} : { sleep: options.sleep }),
    })));
    watcher.close();
  }
  const checked = unreachable === undefined ? await checkAfterwards(options, guests) : { guests, diagnostics: [], unreachable };
  return { host, ...checked, diagnostics: [...diagnostics, ...checked.diagnostics] };
}

/** It is where it should be, or gets there by itself at a time of day that its playbook names. */
export function isWell({ end }: Pick<GuestRecap, "end">): boolean {
  return end === "done" || end === "waiting";
}

/** Follows the run that wants the same. It may have come to its end since it was seen. */
async function join(plan: DomainPlan, run: string, { target, watch, interruption, sleep }: ApplyHostOptions): Promise<DomainRun> {
  const directory = await unlessLeft(target.runs.current(plan.domain), interruption.left);
  if (directory === "left") return { end: "detached", report: emptyReport };
  if (directory === undefined || !directory.endsWith(`/${run}`)) {
    return { end: "stale", report: emptyReport, message: `the run ${run}, which was to be followed, is not the last one any more` };
  }
  const watcher = watch(target.name, plan);
  watcher.say("this run is under way already: following it");
  return watchDomain(directory, {
    runs: target.runs, watcher, interruption, leavesWaiting: true, ...(sleep === undefined ? {} : { sleep }),
  });
}

/** What is told of a run that was watched; one that may still be under way can be followed again. */
function ended(plan: DomainPlan, { end, report, message, died, unheard, mistake }: DomainRun, { target, followCommand }: ApplyHostOptions): GuestRecap {
  return {
    host: target.name, plan, end, report, ...(message === undefined ? {} : { message }),
    ...(died === undefined ? {} : { died }),
    ...(unheard === undefined ? {} : { unheard }),
    ...(mistake === undefined ? {} : { mistaken: true as const }),
    ...(end === "detached" || (end === "lost" && died === undefined) ? { follow: followCommand(target, plan.domain) } : {}),
  };
}

function notStarted(host: string, plan: DomainPlan, end: GuestEnd, message?: string): GuestRecap {
  return { host, plan, end, report: emptyReport, ...(message === undefined ? {} : { message }) };
}

type Again = { readonly unreachable: string }
  | (Pick<Planned, "state" | "wishes"> & { readonly plan: DomainPlan | undefined; readonly errors: readonly Diagnostic[] });

function orderFor(plan: DomainPlan, { state, wishes }: Pick<Planned, "state" | "wishes">, special?: SavedWish): Order {
  const desired = wishes?.domains.find((wish) => wish.name === plan.domain);
  const wish: SavedWish | undefined = special ?? (desired === undefined ? undefined : { wish: "move", desired });
  return {
    plan, config: state?.domains[plan.domain]?.config?.path ?? plan.configDiff?.path ?? "",
    ...(wish === undefined ? {} : { wish }),
  };
}

/** What the preview was made from, if nothing has been done on the host since, and hardly any time has gone by. */
function justSeen({ seen, clock }: ApplyHostOptions, untouched: boolean, domain: string): Again | undefined {
  return seen !== undefined && untouched && clock() - seen.at < FRESH ? concerning(seen, domain) : undefined;
}

async function lookAgain(options: ApplyHostOptions, plan: DomainPlan): Promise<Again | "left"> {
  const planned = await look(options, plan, "nothing is begun for this guest any more");
  return planned === "left" || "unreachable" in planned ? planned : concerning(planned, plan.domain);
}

/** Looks at the host and plans it, or until nobody wants to wait for that. Who asks for a stop meanwhile hears what it waits for. */
async function look(options: ApplyHostOptions, plan: DomainPlan, stands: string): Promise<ReturnType<typeof planTarget> | "left"> {
  const { target, interruption, watch } = options;
  const stopListening = interruption.listen((wish) => {
    if (wish !== "stop") return;
    const watcher = watch(target.name, plan);
    watcher.say(`${stands}; it waits for ${target.name}, which is being looked at; Ctrl-C again does not wait`);
    watcher.close();
  });
  try {
    return await unlessLeft(planTarget(target, interruption.left), interruption.left);
  } finally {
    stopListening();
  }
}

/** Asked anew: a signal may have come during the look. */
function hasWished({ wish }: Interruption): boolean {
  return wish !== "go on";
}

function concerning(planned: Planned, domain: string): Again {
  const { plan } = planned;
  const errors = plan.diagnostics.filter((d) => d.severity === "error" && concerns(d, domain));
  return { ...planned, plan: plan.domains.find((candidate) => candidate.domain === domain), errors };
}

function concerns(diagnostic: Diagnostic, domain: string): boolean {
  return diagnostic.subject?.domain === undefined || diagnostic.subject.domain === domain;
}

/** Looks at the host once more: a guest that is done must have nothing left to do. */
async function checkAfterwards(
  options: ApplyHostOptions, guests: readonly GuestRecap[],
): Promise<Omit<HostResult, "host">> {
  const { target } = options;
  const done = guests.find((guest) => guest.end === "done");
  if (done === undefined) return { guests, diagnostics: [] };
  const planned = await look(options, done.plan, "the run is over");
  const unseen = (): readonly GuestRecap[] => guests.map((guest) => (guest.end === "done" ? { ...guest, unverified: true } : guest));
  if (planned === "left") return { guests: unseen(), diagnostics: [notVerified(target.name, "waited for")] };
  if ("unreachable" in planned) {
    return { guests: unseen(), diagnostics: [notVerified(target.name, "reached", planned.unreachable)], unreachable: planned.unreachable };
  }
  const { plan } = planned;
  const errors = errorsOf(plan);
  // what could not be read, or not be planned, has nothing left to do only as far as anybody knows
  const isUnread = planned.state === undefined || errors.some(({ subject }) => subject?.domain === undefined);
  const left = new Map(plan.domains.map((domain) => [domain.domain, domain]));
  const checked = guests.map((guest): GuestRecap => {
    const again = left.get(guest.plan.domain);
    if (guest.end !== "done") return guest;
    if (again === undefined) {
      const isRefused = isUnread || errors.some(({ subject }) => subject?.domain === guest.plan.domain);
      if (isRefused) return { ...guest, unverified: true };
      // of a run that was joined its plan does not say so
      const awaits = plan.diagnostics.some(({ code, subject }) => code === "awaits-reboot" && subject?.domain === guest.plan.domain);
      return awaits ? { ...guest, plan: { ...guest.plan, awaits: "reboot" } } : guest;
    }
    return { ...guest, end: "differs", message: `still to do: ${again.nodes.length} steps on ${again.changes.map(placeOf).join(", ")}` };
  });
  const unverified = checked.filter((guest) => guest.unverified === true);
  return {
    guests: checked,
    diagnostics: [...errors, ...(unverified.length === 0 ? [] : [notVerified(target.name, "read")])],
  };
}

/** @param not what it was not */
function notVerified(host: string, not: "reached" | "read" | "waited for", detail?: string): Diagnostic {
  return {
    severity: "warning", code: "not-verified", summary: `${host} was not ${not} again after the run: what it did was not looked at`,
    ...(detail === undefined ? {} : { detail }), subject: { host },
    fix: "Run the same with --check when it answers: it should say that there is nothing to do.",
  };
}

function errorsOf(plan: HostPlan): readonly Diagnostic[] {
  return plan.diagnostics.filter((diagnostic) => diagnostic.severity === "error");
}
