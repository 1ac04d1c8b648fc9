import { planHost } from "../../src/core/plan/plan-host.js";
import { commitsOf } from "../../src/core/plan/recover.js";
import { simulateStep, startModel } from "../../src/core/plan/simulate.js";
import { guestWrites, rebootedItself, startedFromConfig } from "../../src/core/model/guest.js";
import type { Model } from "../../src/core/model/model.js";
import type { DomainPlan, HostPlan, PlanNode } from "../../src/core/model/plan.js";
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

/**
 * One plan after the other, nothing in their way: the desired state, and every law on the way there. A guest that its plan
 * leaves to reboot by itself does so, and what is planned then goes on to the end.
 */
export function walkThrough(scene: Scene, options: WalkOptions = {}): Model {
  counted.scenes += 1;
  const start = startOf(scene, options);
  const guests = options.guests ?? guestWrites;
  const walked = (from: Model, plans: readonly DomainPlan[]): Model => {
    let model = from;
    for (const plan of plans) {
      const [path = []] = pathsOf(plan.nodes, (min) => [min]);
      for (const step of path) {
        const simulated = simulateStep(step, model, guests);
        if (simulated.verdict === "conflict") throw new Error(`${step.id} finds something in its way`);
        model = simulated.model;
        safeToStart(model, `after ${step.id}`);
        nothingTaken(model, start, scene, `after ${step.id}`);
      }
    }
    return model;
  };
  const plans = plansOf(scene, options.mutate);
  const waiting = awaited({ domains: plans, diagnostics: [] });
  const first = walked(start, plans);
  const model = waiting.length === 0 ? first : (() => {
    for (const name of waiting) {
      if (first.host.domains[name]?.running?.domid !== start.host.domains[name]?.running?.domid) throw new Error(`${name} is not left alone`);
    }
    waited(first, start, waiting, scene, "before its own reboot");
    const rebooted = rebootedAlone(first, waiting, guests);
    safeToStart(rebooted, "after its own reboot");
    return walked(rebooted, plansOf({ ...scene, state: rebooted.host }, options.mutate));
  })();
  up(start.ghost.wasUp, model, "at the end");
  nothingLeft(model, start.host, "at the end");
  sourcesSettled(model, start, scene, "at the end");
  const again = planned(model.host, scene.wishes);
  if (again.domains.length > 0) throw new Error(`at the end: ${again.domains.map((d) => d.changes.map((c) => c.change).join()).join()} is left to do`);
  if (awaited(again).length > 0) throw new Error(`at the end: ${awaited(again).join()} is to reboot once more`);
  return model;
}

/** Guests whose own reboot takes them on: a plan makes them ready for it, or has done so. */
function awaited({ domains, diagnostics }: Pick<HostPlan, "domains" | "diagnostics">): readonly string[] {
  return [
    ...domains.filter(({ awaits }) => awaits === "reboot").map(({ domain }) => domain),
    ...diagnostics.filter(({ code }) => code === "awaits-reboot").flatMap(({ subject }) => subject?.domain ?? []),
  ];
}

/** Runs have left guests to reboot by themselves: nothing else is there of them, and a second run does not do it all again. */
function waited(model: Model, start: Model, waiting: readonly string[], scene: Scene, when: string, earlier?: Model): void {
  nothingLeft(model, start.host, when, { waiting, earlier });
  const again = planned(model.host, scene.wishes).domains.find(({ domain, awaits }) => waiting.includes(domain) && awaits !== undefined);
  if (again !== undefined) throw new Error(`${when}: ${again.domain} is made ready a second time`);
}

/** Guests reboot by themselves and go on with what they do. */
function rebootedAlone(model: Model, names: readonly string[], guests: Guests): Model {
  return guests(names.reduce(rebootedItself, model));
}

/**
 * The plan of one guest, in every order of steps it can take, cut short at and in the middle of each, in every way. Where
 * it leaves the guest to reboot by itself, so is the plan that there is once it has.
 */
export function walkCuts(scene: Scene, options: WalkOptions = {}): void {
  counted.scenes += 1;
  const [plan] = plansOf(scene, options.mutate);
  if (plan === undefined) return;
  const start = startOf(scene, options);
  const [first] = walkPaths({ plan, from: start, start, scene, options });
  if (plan.awaits === undefined || first === undefined) return;
  const rebooted = rebootedAlone(first.end, [plan.domain], options.guests ?? guestWrites);
  safeToStart(rebooted, "after its own reboot");
  const next = plansOf({ ...scene, state: rebooted.host }, options.mutate).find(({ domain }) => domain === plan.domain);
  // one that does as it likes may have come to its volume, or be on its image again
  if (next === undefined) {
    if (options.mayRefuse === true) return;
    throw new Error(`${plan.domain} has rebooted by itself, and nothing is planned`);
  }
  walkPaths({ plan: next, from: rebooted, start, earlier: first.path, scene, options });
}

/** The first plan of a scene is carried out, and the one for other wishes after it cut short as {@link walkCuts} does it. */
export function walkOn(scene: Scene, wishes: Scene["wishes"], options: WalkOptions = {}): void {
  counted.scenes += 1;
  const start = startOf(scene, options);
  const [first] = plansOf(scene, options.mutate);
  const [path = []] = pathsOf(first?.nodes ?? [], (min) => [min]);
  if (path.length === 0) throw new Error("there is no first plan");
  const from = path.reduce((at, step) => simulateStep(step, at, options.guests ?? guestWrites).model, start);
  const next = { ...scene, state: from.host, wishes };
  const [plan] = plansOf(next, options.mutate);
  if (plan === undefined) throw new Error("there is nothing to do after the first plan");
  walkPaths({ plan, from, start, earlier: path, scene: next, options });
}

/** A plan that is walked, and where it comes from. */
interface Walk {
  readonly plan: DomainPlan;
  /** The host that it was made for. */
  readonly from: Model;
  /** The host before the first plan, which is the same but for a plan that goes on after the guest's own reboot. */
  readonly start: Model;
  /** The steps of the plan before, for such a one. */
  readonly earlier?: readonly Step[];
  readonly scene: Scene;
  readonly options: WalkOptions;
}

/** @returns what the plan ends in, by each of its paths that nothing got in the way of */
function walkPaths(walk: Walk): readonly { readonly path: readonly Step[]; readonly end: Model }[] {
  return pathsOf(walk.plan.nodes, walk.options.rounds).flatMap((path) => {
    counted.runs += 1;
    const end = walkPath(path, walk);
    return end === undefined ? [] : [{ path, end }];
  });
}

function walkPath(path: readonly Step[], walk: Walk): Model | undefined {
  const { plan, from, options } = walk;
  const guests = options.guests ?? guestWrites;
  let model = from;
  // the boot unit is each run's own, which the model does not tell apart
  const skips = (step: Step): boolean =>
    walk.earlier !== undefined && step.kind !== "install-boot-unit" && simulateStep(step, model, (at) => at).verdict === "done";
  const skipped = new Set<Step>();
  for (let at = 0; at <= path.length; at += 1) {
    const step = path[at];
    if (step !== undefined && skips(step)) skipped.add(step);
    for (const { cut, before, what } of cutsAt(path, at, model, plan.domain, guests)) {
      for (const ending of options.endings ?? ENDINGS) {
        if (options.sample?.() === false || options.only?.(before) === false) continue;
        counted.cuts += 1;
        look({ ...cut, earlier: walk.earlier, skipped }, ending, before, walk, `${what}, ${ending}`);
      }
    }
    if (step === undefined) break;
    const simulated = simulateStep(step, model, guests);
    if (simulated.verdict === "conflict") {
      if (options.mayRefuse === true) return undefined;
      throw new Error(`${step.id} finds something in its way`);
    }
    model = simulated.model;
    safeToStart(model, `after ${step.id}`);
  }
  return model;
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

function look(cut: Cut, ending: Ending, before: Model, { plan, from, start, scene, options }: Walk, when: string): void {
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
  const awaits = plan.awaits !== undefined;
  // once the plan is carried out nothing of the one before is there either
  const earlier = cut.earlier === undefined || cut.ended ? undefined : from;
  nothingLeft(model, start.host, when, { unitsWait: options.mayRefuse, waiting: cut.ended && awaits ? [cut.domain] : [], earlier });
  nothingTaken(model, start, scene, when);
  const upAgain = mustBeUp(atCut, from, cut);
  if (booted !== undefined) up(upAgain, booted, `${when}, booted`);
  up(upAgain.filter((name) => name !== stopped), model, when);
  if (cut.ended && !awaits) {
    // other guests of the host have plans of their own, which nobody has carried out
    const left = planned(model.host, scene.wishes).domains.filter(({ domain }) => domain === cut.domain);
    if (left.length > 0) throw new Error(`${when}: something is left to do`);
    return;
  }
  resume(model, start, scene, options, when, earlier);
}

/**
 * A power cut takes guests down by itself, and Dom0 starts its own at boot; the run answers for what it had taken down. A domain
 * that has been there since before the run, or has rebooted by itself since, is none of these, be it paused for a moment.
 */
function mustBeUp(atCut: Model | undefined, start: Model, { started }: Cut): readonly string[] {
  if (atCut === undefined) return start.ghost.wasUp;
  return start.ghost.wasUp.filter((name) => {
    const domain = atCut.host.domains[name];
    if (domain?.autostart === true || domain?.running === undefined) return true;
    return domain.running.paused && started.some(({ kind }) => MAKES_GUESTS.has(kind)) && domain.running.domid !== start.host.domains[name]?.running?.domid;
  });
}

const MAKES_GUESTS: ReadonlySet<string> = new Set(["create-paused", "restore-paused", "migrate-guest"]);

/** Planned again from there, and once more when guests that are left to it have rebooted by themselves, it ends in the desired state. */
function resume(found: Model, start: Model, scene: Scene, options: WalkOptions, when: string, earlier?: Model): void {
  counted.resumed += 1;
  const { guests = guestWrites, mayRefuse } = options;
  // a mirror by QEMU needs its guest up, as its plan says
  const needed = scene.wishes.flatMap(({ name, move }) => (move.strategy === "qemu" ? [name] : []));
  let resumed = needed.reduce((at, name) => startedFromConfig(at, name), found);
  for (const what of ["resumed", "resumed after its own reboot"]) {
    const again = planned(resumed.host, scene.wishes);
    const refused = again.diagnostics.find((d) => d.severity === "error");
    if (refused !== undefined) throw new Error(`${when}, ${what}: ${refused.code}: ${refused.summary}`);
    for (const domain of again.domains) {
      const [path = []] = pathsOf(domain.nodes, (min) => [min]);
      for (const step of path) {
        const simulated = simulateStep(step, resumed, guests);
        if (simulated.verdict === "conflict") {
          if (mayRefuse === true) return;
          throw new Error(`${when}, ${what}: ${step.id} finds something in its way`);
        }
        resumed = simulated.model;
        safeToStart(resumed, `${when}, ${what} at ${step.id}`);
      }
    }
    const waiting = awaited(again);
    if (waiting.length === 0) break;
    waited(resumed, start, waiting, scene, `${when}, ${what}`, earlier);
    resumed = rebootedAlone(resumed, waiting, guests);
    safeToStart(resumed, `${when}, after its own reboot`);
  }
  if (somethingLeft(resumed, scene)) throw new Error(`${when}: not done after it was resumed`);
  sourcesSettled(resumed, start, scene, when);
  nothingLeft(resumed, start.host, `${when}, resumed`, { unitsWait: mayRefuse, earlier });
  nothingTaken(resumed, start, scene, `${when}, resumed`);
}

/** To be done, or to be waited for. */
function somethingLeft({ host }: Model, { wishes }: Scene): boolean {
  const again = planned(host, wishes);
  return again.domains.length > 0 || awaited(again).length > 0;
}
