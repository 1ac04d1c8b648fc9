import type { HostState } from "../model/host-state.js";
import { bitmapsFound } from "../model/bitmap.js";
import type { Model } from "../model/model.js";
import { CARRY_BEGUN, fillOf, sourceOfTags } from "../model/names.js";
import { withRecycledByTags } from "../model/recycled.js";
import type { PlanNode } from "../model/plan.js";
import type { Step } from "../model/step.js";
import { diskKey, withDisk } from "../model/transform.js";
import { verdictOf } from "../goals/verdict.js";
import { guestWrites } from "../model/guest.js";
import { kindOf } from "../steps/kind-of.js";

/** One moment of a simulated run: the model after a step, or before the first one. */
export interface Moment {
  readonly step?: Step;
  readonly verdict?: "done" | "ran";
  readonly model: Model;
}

export type Simulation =
  | { readonly ok: true; readonly moments: readonly Moment[]; readonly end: Model }
  | { readonly ok: false; readonly moments: readonly Moment[]; readonly step: Step; readonly why: string };

/** The model that a plan starts from: what was observed, and every disk holding what its guest was told. */
export function startModel(host: HostState): Model {
  const disks = Object.fromEntries(
    [...Object.keys(host.images), ...Object.keys(host.volumes)].map(
      (key) => [key, { writes: 0, deceptive: false, consistent: true }] as const,
    ),
  );
  const up = Object.values(host.domains).filter((d) => d.running !== undefined).map((d) => d.name);
  const bitmaps = bitmapsFound(host);
  return {
    host,
    ghost: { disks, wasUp: up, acknowledged: {}, committed: [], bootUnits: [], renamed: {}, ...(bitmaps === undefined ? {} : { bitmaps }) },
  };
}

/**
 * A copy that an earlier run began holds nothing that could be relied on: not even that equal times mean equal
 * data. One that a config names is a disk already, only not yet marked as such. Neither does an image that writes were
 * being carried back to.
 */
export function withUnfinishedCopies(model: Model): Model {
  const named = new Set(Object.values(model.host.domains).flatMap((d) => d.config?.disks.map((disk) => diskKey(disk.target)) ?? []));
  const halfWritten = Object.values(model.host.volumes).flatMap((v) => {
    // a file system of ours can be gone on with, where the blocks of half an image can not
    if (v.tags.includes("converge.role=copy") && !named.has(v.name)) return [{ disk: v.name, writes: fillOf(v.tags) === "files" ? 0 : -1 }];
    // the volume itself is whole: the image that its writes were being carried to is not
    const image = v.tags.includes(CARRY_BEGUN) ? sourceOfTags(v.tags) : undefined;
    return image === undefined ? [] : [{ disk: image, writes: 0 }];
  });
  const written = halfWritten.reduce((at, { disk, writes }) => withDisk(at, diskKey(disk), { writes, deceptive: true, consistent: false }), model);
  return Object.values(model.host.volumes).filter((v) => v.tags.includes("converge.role=copy") && !named.has(v.name)).reduce(withRecycledByTags, written);
}

/**
 * One step on the model. A conflict is what would stop it on the host.
 * @param guests what all guests do meanwhile: by default each that runs writes, and is told that it is safe
 */
export function simulateStep(step: Step, model: Model, guests: (model: Model) => Model = guestWrites): { readonly model: Model; readonly verdict: "done" | "ran" | "conflict" } {
  const kind = kindOf(step);
  const goals = kind.goals(step.args);
  const before = verdictOf(goals, model);
  if (before === "conflict" || kind.refuses?.(step.args, model) === true) return { model, verdict: "conflict" };
  if (before === "done" && kind.always !== true) return { model: guests(model), verdict: "done" };
  const after = kind.effect(step.args, model);
  if (goals.length > 0 && verdictOf(goals, after) !== "done") {
    throw new Error(`the effect of ${step.kind} (${step.id}) does not bring about its own goals`);
  }
  return { model: guests(after), verdict: "ran" };
}

/**
 * Runs a plan on the model, repeats as often as they do at least, every step's verdict noted.
 * @param guests as for {@link simulateStep}
 */
export function simulate(nodes: readonly PlanNode[], start: Model, guests: (model: Model) => Model = guestWrites): Simulation {
  const moments: Moment[] = [{ model: start }];
  let model = start;
  for (const step of unroll(nodes)) {
    const { model: next, verdict } = simulateStep(step, model, guests);
    if (verdict === "conflict") {
      return { ok: false, moments, step, why: `what ${step.id} is to make stands there already, and is not converge's` };
    }
    model = next;
    moments.push({ step, verdict, model });
  }
  return { ok: true, moments, end: model };
}

/** Steps in the order in which they run when every repeat takes its smallest number of rounds. */
export function unroll(nodes: readonly PlanNode[]): readonly Step[] {
  const steps: Step[] = [];
  for (const node of nodes) {
    if (node.node === "step") steps.push(node);
    else for (let round = 0; round < node.min; round += 1) steps.push(...node.body);
  }
  return steps;
}
