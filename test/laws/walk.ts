import { planHost } from "../../src/core/plan/plan-host.js";
import { commitsOf } from "../../src/core/plan/recover.js";
import { simulateStep, startModel } from "../../src/core/plan/simulate.js";
import { guestWrites, startedFromConfig } from "../../src/core/model/guest.js";
import type { Model } from "../../src/core/model/model.js";
import type { DomainPlan, PlanNode } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import { withVolume } from "../../src/core/model/transform.js";
import { kindOf } from "../../src/core/steps/kind-of.js";
import { sha256 } from "../support/a-host.js";
import type { Scene } from "./generated.js";
import { nothingLeft, nothingTaken, safeToStart, sourcesSettled, up } from "./laws.js";
import { planned } from "./planned.js";
import { after, ENDINGS, withMemory } from "./world.js";
import type { Cut, Ending, Guests } from "./world.js";

/** How many states were looked at: what docs/reliability.md counts. */
export const counted = { scenes: 0, runs: 0, cuts: 0, resumed: 0 };

export interface WalkOptions {
  /** What guests do; the default: each writes after every step, and holds something back at all times. */
  readonly guests?: Guests;
  /** Takes something out of, or puts it elsewhere in, a plan: to prove that the laws notice. */
  readonly mutate?: (nodes: readonly PlanNode[]) => readonly PlanNode[];
  /** Rounds of each repeat; the default: every number that it allows. */
  readonly rounds?: (min: number, max: number) => readonly number[];
  readonly endings?: readonly Ending[];
  /** Whether to look at one way to be cut short; the default: at every one. */
  readonly sample?: () => boolean;
  /** The states in which it is cut short; the default: every one. */
  readonly only?: (model: Model) => boolean;
  /** Whether a run may be refused by its guards, because guests or people do what they like. */
  readonly mayRefuse?: boolean;
}

/** The plans of a scene; a mutated one is no plan that planning would give, and so is not refused by its own simulation. */
export function plansOf(scene: Scene, mutate: WalkOptions["mutate"] = (nodes) => nodes): readonly DomainPlan[] {
  const made = planHost(scene.state, scene.wishes, sha256);
  const refused = made.diagnostics.find((d) => d.severity === "error");
  if (refused !== undefined) throw new Error(`refused: ${refused.code}: ${refused.summary} ${refused.detail ?? ""}`);
  return made.domains.map((domain) => ({ ...domain, nodes: mutate(domain.nodes) }));
}

/** Every order of steps that a plan can take: each repeat with each number of its rounds. */
export function pathsOf(nodes: readonly PlanNode[], rounds: (min: number, max: number) => readonly number[] = everyNumber): readonly (readonly Step[])[] {
  return nodes.reduce<readonly (readonly Step[])[]>((paths, node) => {
    const tails = node.node === "step" ? [[node]] : rounds(node.min, node.max).map((count) => Array.from({ length: count }, () => node.body).flat());
    return paths.flatMap((path) => tails.map((tail) => [...path, ...tail]));
  }, [[]]);
}

function startOf({ state }: Scene, { guests }: WalkOptions): Model {
  return guests === undefined ? startModel(state) : withMemory(startModel(state));
}

function everyNumber(min: number, max: number): readonly number[] {
  return Array.from({ length: max - min + 1 }, (_, index) => min + index);
}

/** One plan after the other, nothing in their way: the desired state, and every law on the way there. */
export function walkThrough(scene: Scene, options: WalkOptions = {}): Model {
  counted.scenes += 1;
  const start = startOf(scene, options);
  let model = start;
  const guests = options.guests ?? guestWrites;
  for (const plan of plansOf(scene, options.mutate)) {
    const [path = []] = pathsOf(plan.nodes, (min) => [min]);
    for (const step of path) {
      const simulated = simulateStep(step, model, guests);
      if (simulated.verdict === "conflict") throw new Error(`${step.id} finds something in its way`);
      model = simulated.model;
      safeToStart(model, `after ${step.id}`);
      nothingTaken(model, start, scene, `after ${step.id}`);
    }
  }
  up(start.ghost.wasUp, model, "at the end");
  nothingLeft(model, start, "at the end");
  sourcesSettled(model, start, scene, "at the end");
  const again = planned(model.host, scene.wishes);
  if (again.domains.length > 0) throw new Error(`at the end: ${again.domains.map((d) => d.changes.map((c) => c.change).join()).join()} is left to do`);
  return model;
}

/** The plan of one guest, in every order of steps it can take, cut short at and in the middle of each, in every way. */
export function walkCuts(scene: Scene, options: WalkOptions = {}): void {
  counted.scenes += 1;
  const [plan] = plansOf(scene, options.mutate);
  if (plan === undefined) return;
  for (const path of pathsOf(plan.nodes, options.rounds)) {
    counted.runs += 1;
    walkPath(path, plan, scene, options);
  }
}

function walkPath(path: readonly Step[], plan: DomainPlan, scene: Scene, options: WalkOptions): void {
  const guests = options.guests ?? guestWrites;
  const start = startOf(scene, options);
  let model = start;
  for (let at = 0; at <= path.length; at += 1) {
    const step = path[at];
    for (const { cut, before, what } of cutsAt(path, at, model, plan.domain, guests)) {
      for (const ending of options.endings ?? ENDINGS) {
        if (options.sample?.() === false || options.only?.(before) === false) continue;
        counted.cuts += 1;
        look(cut, ending, before, start, scene, options, `${what}, ${ending}`);
      }
    }
    if (step === undefined) break;
    const simulated = simulateStep(step, model, guests);
    if (simulated.verdict === "conflict") {
      if (options.mayRefuse === true) return;
      throw new Error(`${step.id} finds something in its way`);
    }
    model = simulated.model;
    safeToStart(model, `after ${step.id}`);
  }
}

interface Moment {
  readonly cut: Cut;
  readonly before: Model;
  readonly what: string;
}

/** The moments around one step: before it, begun and nothing done, done and not written down, and what is peculiar to it. */
function cutsAt(path: readonly Step[], at: number, model: Model, domain: string, guests: Guests): readonly Moment[] {
  const step = path[at];
  const before = path.slice(0, at);
  if (step === undefined) return [{ cut: { started: before, domain, ended: true }, before: model, what: "at the end" }];
  const begun = [...before, step];
  const done = simulateStep(step, model, guests);
  const first = commitsOf(before, model).length === 0;
  return [
    { cut: { started: before, domain, ended: false }, before: model, what: `before ${step.id}` },
    { cut: { started: begun, domain, ended: false }, before: model, what: `in ${step.id}, nothing done` },
    // the commit is written down before it is made, and the step before that
    ...(first && kindOf(step).commits !== undefined
      ? [{ cut: { started: begun, domain, ended: false, committing: false }, before: model, what: `in ${step.id}, before the commit` }]
      : []),
    ...(done.verdict === "ran"
      ? [{ cut: { started: begun, domain, ended: false }, before: done.model, what: `in ${step.id}, all done` }]
      : []),
    ...watched(step).flatMap((snapshot) => branchesOfWatch(snapshot, model).map(({ what, model: branch }) => (
      { cut: { started: begun, domain, ended: false }, before: branch, what: `in ${step.id}, ${what}` }))),
  ];
}

function watched(step: Step): readonly string[] {
  return kindOf(step).actions(step.args).flatMap((action) => {
    const [verb, watch, snapshot] = action.verb ?? [];
    return verb === "watch" && watch === "snapshot_fill" && snapshot !== undefined ? [snapshot] : [];
  });
}

/** A snapshot that is watched is grown, or overflows, and then it is worth nothing. */
function branchesOfWatch(snapshot: string, model: Model): readonly { readonly what: string; readonly model: Model }[] {
  const volume = model.host.volumes[snapshot];
  if (volume === undefined) return [];
  return [
    { what: "its snapshot grown", model: withVolume(model, { ...volume, bytes: volume.bytes * 2, dataPercent: 40 }) },
    { what: "its snapshot overflowed", model: withVolume(model, { ...volume, invalid: true, dataPercent: 100 }) },
  ];
}

function look(
  cut: Cut, ending: Ending, before: Model, start: Model, scene: Scene, options: WalkOptions, when: string,
): void {
  const guests = options.guests ?? guestWrites;
  const held = (model: Model, what: string): void => { safeToStart(model, `${when}, ${what}`); };
  const { model, atCut, booted, stopped } = (() => {
    try {
      return after(cut, ending, before, guests, held);
    } catch (error) {
      throw error instanceof Error && !error.message.startsWith(when) ? new Error(`${when}: ${error.message}`) : error;
    }
  })();
  safeToStart(model, when);
  nothingLeft(model, start, when, options.mayRefuse);
  nothingTaken(model, start, scene, when);
  if (booted !== undefined) up(mustBeUp(atCut, start), booted, `${when}, booted`);
  up(mustBeUp(atCut, start).filter((name) => name !== stopped), model, when);
  if (cut.ended) {
    // other guests of the host have plans of their own, which nobody has carried out
    const left = planned(model.host, scene.wishes).domains.filter(({ domain }) => domain === cut.domain);
    if (left.some(({ awaits }) => awaits === undefined)) throw new Error(`${when}: something is left to do`);
    return;
  }
  resume(model, start, scene, options, when);
}

/**
 * A power cut takes guests down by itself, and Dom0 starts its own at boot; the run answers for what it had taken down. A domain
 * that has been there since before the run is none of these, be it paused for a moment.
 */
function mustBeUp(atCut: Model | undefined, start: Model): readonly string[] {
  if (atCut === undefined) return start.ghost.wasUp;
  return start.ghost.wasUp.filter((name) => {
    const domain = atCut.host.domains[name];
    if (domain?.autostart === true || domain?.running === undefined) return true;
    return domain.running.paused && domain.running.domid !== start.host.domains[name]?.running?.domid;
  });
}

/** Planned again from there, it ends in the desired state, and then there is nothing to do. */
function resume(found: Model, start: Model, scene: Scene, { guests, mayRefuse }: WalkOptions, when: string): void {
  counted.resumed += 1;
  // a mirror by QEMU needs its guest up, as its plan says
  const needed = scene.wishes.flatMap(({ name, move }) => (move.strategy === "qemu" ? [name] : []));
  const model = needed.reduce((at, name) => startedFromConfig(at, name), found);
  const again = planned(model.host, scene.wishes);
  const refused = again.diagnostics.find((d) => d.severity === "error");
  if (refused !== undefined) throw new Error(`${when}: ${refused.code}: ${refused.summary}`);
  let resumed = model;
  for (const domain of again.domains) {
    const [path = []] = pathsOf(domain.nodes, (min) => [min]);
    for (const step of path) {
      const simulated = simulateStep(step, resumed, guests ?? guestWrites);
      if (simulated.verdict === "conflict") {
        if (mayRefuse === true) return;
        throw new Error(`${when}, resumed: ${step.id} finds something in its way`);
      }
      resumed = simulated.model;
      safeToStart(resumed, `${when}, resumed at ${step.id}`);
    }
  }
  if (planned(resumed.host, scene.wishes).domains.length > 0) throw new Error(`${when}: not done after it was resumed`);
  sourcesSettled(resumed, start, scene, when);
  nothingLeft(resumed, start, `${when}, resumed`, mayRefuse);
  nothingTaken(resumed, start, scene, `${when}, resumed`);
}
