import type { Change } from "../model/change.js";
import { quoteCommand } from "../model/command.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Action, Step } from "../model/step.js";
import type { DomainPlan, HostPlan } from "../model/plan.js";
import { stepsOf } from "../model/plan.js";
import type { RunEvent } from "../model/run-event.js";
import { diagnosticJson } from "./diagnostics.js";
import { contentAfter, contentName } from "./disks.js";
import type { GuestRecap } from "./recap.js";
import { deleted, kept, keptVolumes, retired } from "./recap.js";
import { copied } from "./run-report.js";
import type { DescribeStep } from "./view.js";
import { unitName } from "../model/names.js";
import { booksOfRun, unitCommand } from "../model/unit.js";

/**
 * What `--json` prints, one object a line; docs/reference/events.md tells each. A member is only ever added; a
 * change of meaning raises `version` of the begin line.
 */
export type JsonLine =
  | { readonly type: "begin"; readonly version: 1; readonly tool: string; readonly command: "check" | "apply" | "attach" | "rollback" | "resume" | "gc"; readonly inputs: readonly string[] }
  | { readonly type: "diagnostic"; readonly severity: string; readonly code: string; readonly summary: string }
  | { readonly type: "unreachable"; readonly host: string; readonly message: string }
  | { readonly type: "plan"; readonly host: string; readonly refused: boolean; readonly domains: readonly object[] }
  | { readonly type: "run"; readonly host: string; readonly domain: string; readonly event: RunEvent }
  | { readonly type: "message"; readonly host?: string; readonly domain?: string; readonly text: string }
  | { readonly type: "recap"; readonly host: string; readonly domain: string; readonly end: string }
  | { readonly type: "end"; readonly exit: number };

/** A complaint. */
export function diagnosticLine(diagnostic: Diagnostic): JsonLine {
  const { subject, ...rest } = diagnosticJson(diagnostic);
  return { type: "diagnostic", ...rest, ...subject };
}

/** What is to be done on one host, with the commands of every step. */
export function planLine(plan: HostPlan, describe: DescribeStep): JsonLine {
  return {
    type: "plan", host: plan.host,
    refused: plan.diagnostics.some((d) => d.severity === "error"),
    domains: plan.domains.map((domain) => domainObject(domain, describe)),
  };
}

function domainObject(plan: DomainPlan, describe: DescribeStep): object {
  const repeats = plan.nodes.flatMap((node) => (node.node === "repeat" ? [node] : []));
  const repeatOf = new Map(repeats.flatMap((repeat) => repeat.body.map((step) => [step.id, repeat.id] as const)));
  return {
    domain: plan.domain,
    digest: plan.digest,
    unit: { name: unitName(plan.domain), command: unitCommand(plan.domain, booksOfRun(plan.domain, "RUN"), plan.ioWeight) },
    ...defined({ forgets: plan.forgets }),
    changes: plan.changes.map(changeObject),
    ...(plan.configDiff === undefined ? {} : { config: plan.configDiff }),
    steps: stepsOf(plan.nodes).map((step) => stepObject(step, repeatOf.get(step.id), describe)),
    repeats: repeats.map(({ id, min, max, why, rule }) => ({ id, min, max, why, ...rule })),
    choices: plan.choices,
    ...defined({ switch: plan.switchOver, joins: plan.joins, awaits: plan.awaits }),
    estimate: plan.estimate,
  };
}

function changeObject(change: Change): object {
  if (change.change === "finish-move") return { change: change.change, vdev: change.vdev, volume: change.volume };
  if (change.change === "finish-return") {
    const { vdev, volume, image, carried, removeVolume, since, older } = change;
    return { change: change.change, vdev, volume: volume.name, image, carried, removeVolume, ...defined({ since, older }) };
  }
  if (change.change === "return-disk") {
    const { vdev, volume, image, path, format, carry, removeVolume, since, writtenBytes } = change;
    return {
      change: change.change, vdev, from: { volume: volume.name, bytes: volume.bytes },
      to: { image: path, format, bytes: image.bytes, content: contentName(image.content) }, carry, removeVolume,
      ...defined({ since, writtenBytes }),
    };
  }
  if (change.change === "forget-runs") return { change: change.change, runs: change.runs };
  if (change.change === "discard-image") {
    const { vdev, volume, image, retired } = change;
    return { change: change.change, vdev, volume, image: image.path, was: retired.path, retiredAt: retired.at, bytes: image.allocatedBytes };
  }
  const { image, to } = change;
  return {
    change: change.change, vdev: change.vdev,
    from: { image: image.path, bytes: image.bytes, content: contentName(image.content) },
    to: { volume: to.volume, bytes: to.bytes, content: contentName(contentAfter(change)), begun: to.begun },
  };
}

function stepObject(step: Step, repeat: string | undefined, describe: DescribeStep): object {
  const { title, risk, actions } = describe(step);
  return {
    id: step.id, kind: step.kind, phase: step.phase, title, risk, why: step.why,
    ...defined({ repeat }),
    actions: actions.map(actionObject),
  };
}

function actionObject(action: Action): object {
  return "command" in action ? { command: action.command, ...defined({ also: action.also }) } : { words: action.shown, ...defined({ writes: action.writes }) };
}

/** How it went with one guest. */
export function recapLine(guest: GuestRecap): JsonLine {
  const { host, plan, end, report, message, follow, unverified } = guest;
  const { bytes, seconds } = copied(report);
  return {
    type: "recap", host, domain: plan.domain, end,
    ...defined({
      awaits: plan.awaits, message: message ?? report.message, follow: follow === undefined ? undefined : quoteCommand(follow), unverified,
      run: report.run,
      downtimeSeconds: report.downtimeSeconds,
      back: report.back,
      forecastSeconds: plan.estimate.downtimeSeconds,
      budgetSeconds: plan.estimate.budgetSeconds >= 0 ? plan.estimate.budgetSeconds : undefined,
      copiedBytes: bytes, copySeconds: seconds, passes: report.passes.length,
      deltas: report.deltas.length > 0 ? report.deltas : undefined,
      frozen: report.frozen.length > 0 ? report.frozen : undefined,
      failedStep: report.failure?.id,
      waiting: end === "waiting" ? report.waiting : undefined,
      kept: end === "done" && unverified !== true ? kept(guest) : undefined,
      retired: some(retired(guest)), deleted: some(deleted(guest)), volumes: some(keptVolumes(guest)),
    }),
  };
}

function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}

/** Without the members that are undefined. */
function defined(members: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
