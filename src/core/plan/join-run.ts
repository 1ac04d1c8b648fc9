import type { Change } from "../model/change.js";
import type { DesiredDomain } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { RunningDomain } from "../model/domain.js";
import type { HostState, RunRecord } from "../model/host-state.js";
import { formatInstant } from "../render/figures.js";
import type { PlannedDomain } from "./plan-domain.js";

/** A run of converge's that has the guest at this moment. */
export function runUnderWay(domain: string, { runs }: Pick<HostState, "runs">): RunRecord | undefined {
  return runs.find((run) => run.domain === domain && run.state === "running");
}

/**
 * What is planned for a guest that a run has: nothing, for what is seen of it is half-way. Who wants the same joins
 * that run, anybody else is told whose it is.
 * @param digest of what is wanted of the guest
 */
export function joinRun(
  desired: Pick<DesiredDomain, "name" | "at">, changes: readonly Change[], run: RunRecord, digest: string, host: string,
): PlannedDomain {
  const { owner, since, step } = run;
  if (run.digest === digest) {
    return {
      diagnostics: [],
      plan: {
        domain: desired.name, changes, nodes: [], bindings: [], choices: [], digest,
        estimate: { copyBytes: 0, seconds: 0, spaceNeeded: [], downtimeSeconds: 0, budgetSeconds: -1, parts: [] },
        joins: { run: run.run, owner, since, ...(step === undefined ? {} : { step }) },
      },
    };
  }
  return { diagnostics: [otherRun(desired, run, host)] };
}

/** Whose the guest is, where something else is wanted of it. */
function otherRun({ name, at }: Pick<DesiredDomain, "name" | "at">, { owner, since, step }: RunRecord, host: string): Diagnostic {
  const follow = `\`converge attach ${host} ${name}\``;
  return {
    severity: "error", code: "run-under-way", at, subject: { host, domain: name },
    summary: `another run has ${name}, and it wants something else of it`,
    detail: `${owner} began it at ${formatInstant(since)}${step === undefined ? "" : `; it is at: ${step.title}`}`,
    fix: step?.waits === true
      ? `It waits for its window: ${follow} and Ctrl-C there end the wait, and the guest stays on its volume. Then look at the plan again.`
      : `Wait until it is over (${follow} follows it), and look at the plan again.`,
  };
}

/**
 * The guest's last run, where it died or left something: what is seen of the guest is half-way, and is changed before the next one.
 * Not one that died before it began anything that would have to be taken back: ending it changes nothing.
 */
export function deadRun(domain: string, { runs }: Pick<HostState, "runs">): RunRecord | undefined {
  return runs.find((run) => run.domain === domain && isHalfWay(run) && run.untouched !== true);
}

/** It is over, and has not come to its end, or not done by then what it has to; one that ended as stuck has an end of its own. */
export function isHalfWay({ state, unfinished, outcome }: RunRecord): boolean {
  return state !== "running" && (unfinished !== undefined || (state === "stopped" && outcome === undefined));
}

/** Whoever looks after it goes on to the new disks: the commit has happened, or may have. */
export function goesForward({ committedAt, committing }: RunRecord): boolean {
  return committedAt !== undefined || committing !== undefined;
}

/**
 * What is done before a plan, and is no step of it: whoever submits the next run of a guest has a dead one brought to its end first
 * (submit.sh). A guest that the plan has seen down may run by that, and is not moved then: the guard finds it up.
 */
export function endedFirst({ name, at }: Pick<DesiredDomain, "name" | "at">, run: RunRecord, host: string): Diagnostic {
  const forward = goesForward(run);
  return {
    severity: "warning", code: "run-ended-first", at, subject: { host, domain: name },
    summary: `the last run of ${name} stopped half-way: it is ${forward ? "finished" : "taken back"} before any of the steps shown, and may start ${name}`,
    detail: [
      ...begunBy(run),
      forward
        ? `Its commit was begun: ${name} is brought up on the disks that the run was to bring it to, and what served the run is taken away.`
        : `What it ${run.outcome === undefined ? "did" : "left"} is taken back, the newest first; ${name} is started again if that run has left it down.`,
      `${name} is down now. Where it is started it is not moved: the plan is for a guest that is down, and stops at its guard. A volume that it has made by then stays.`,
    ].join("\n"),
    fix: `To see what is to be done then, end it first: converge resume ${host} ${name}. It asks before it goes on.`,
  };
}

/**
 * The same of a guest that is up, or stays down: commands run that no step shows.
 * @param running the guest, if it is up
 */
export function clearedFirst(
  { name, at }: Pick<DesiredDomain, "name" | "at">, run: RunRecord, host: string, running?: Pick<RunningDomain, "paused">,
): Diagnostic {
  const forward = goesForward(run);
  const goes = "snapshots, mounts, loop devices, devices that nobody has, jobs of QEMU";
  return {
    severity: "note", code: "run-ended-first", at, subject: { host, domain: name },
    summary: `the last run of ${name} stopped half-way: it is ${forward ? "finished" : "taken back"} before any of the steps shown`,
    detail: [
      ...begunBy(run),
      forward ? `What served it is taken away: ${goes}.` : `What it made for its own use goes, the newest first: ${goes}. A copy that was begun stays.`,
      ...(running?.paused === true ? [`${name} is paused. If that run has paused it, it goes on.`] : []),
      ...(running === undefined || forward ? [] : [`If that run has asked ${name} to shut down, and it does, it is started again.`]),
    ].join("\n"),
    fix: `To have only that done, and see what is to be done then: converge resume ${host} ${name}. It asks before it goes on.`,
  };
}

function begunBy({ run, owner, since, step, unfinished }: RunRecord): readonly string[] {
  return [
    `${run}: ${owner} began it at ${formatInstant(since)}${step === undefined ? "" : `; it stopped at: ${step.title}`}`,
    ...(unfinished === undefined ? [] : [unfinished]),
  ];
}

/** What has to be done first, where a run is dead. */
export function halfWay({ name, at }: Pick<DesiredDomain, "name" | "at">, run: RunRecord, host: string): Diagnostic {
  return {
    severity: "error", code: "run-half-way", at, subject: { host, domain: name },
    summary: `the last run of ${name} stopped half-way, and what it did is not taken back or finished yet`,
    detail: begunBy(run).join("\n"),
    fix: `End it first: converge resume ${host} ${name}. It asks before it goes on with what that run was for.`,
  };
}
