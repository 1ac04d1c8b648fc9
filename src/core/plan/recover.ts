import { verdictOf } from "../goals/verdict.js";
import type { Goal } from "../model/goal.js";
import { guestWrites, startedFromConfig } from "../model/guest.js";
import type { Model } from "../model/model.js";
import type { Step } from "../model/step.js";
import { withGhost } from "../model/transform.js";
import { kindOf } from "../steps/kind-of.js";
import { pivotDisks } from "../steps/pivot-disks.js";

/** Goals of what exists for the run's sake only: it goes whatever comes of the run. */
const TEMPORARY: ReadonlySet<Goal["goal"]> = new Set(["mounted", "loop-attached", "snapshot-exists", "boot-unit", "mapping", "mirrored", "block-job"]);

/**
 * What the host program does, in the model, when a run ended before its end: by a failure, by being killed, or by
 * a reboot. Before the commit all is undone, the newest first. From the moment the commit was begun on there is no
 * way back: the guest is brought up on its new disk, and only what served the run is taken away.
 * @param started steps whose actions were begun, in that order
 */
export function recover(started: readonly Step[], domain: string, model: Model): Model {
  const kinds = new Set(started.map((step) => step.kind));
  const committing = kinds.has("unpause") || kinds.has("commit-offline") || kinds.has("switch-mapping") ||
    // begun in the midst of its step: once both configs name the volumes
    started.some((step) => step.kind === pivotDisks.kind && verdictOf([configGoal(step)], model) === "done");
  // a guest that the run found running, or took down, is brought up wherever the commit was begun
  const ranBefore = model.ghost.wasUp.includes(domain);
  const brought = committing && ranBefore ? startedFromConfig(model, domain) : model;
  // a mirror that is taken back after the commit leaves the volume, not the image
  const from = committing ? withGhost(brought, { committed: [...brought.ghost.committed, domain] }) : brought;
  const undone = [...started].reverse().reduce((at, step) => {
    if (committing && !isTemporary(step)) return at;
    return undo(step, at);
  }, from);
  return guestWrites(undone);
}

/** Dom0 loses power, or is rebooted: guests, loops and mounts are gone, what lies on disks stays. */
export function rebootDom0(model: Model, bootId: string): Model {
  const domains = Object.fromEntries(
    Object.entries(model.host.domains).map(([name, domain]) => {
      const { running: _running, ...rest } = domain;
      return [name, rest] as const;
    }),
  );
  const mounts = model.host.mounts.filter((mount) => !mount.target.startsWith("/run/"));
  return {
    ...model,
    host: { ...model.host, domains, loops: [], mappings: [], mounts, host: { ...model.host.host, bootId } },
  };
}

/** Guests linked from /etc/xen/auto come up from their configs, after the boot units have run. */
export function startAutostarted(model: Model): Model {
  const names = Object.values(model.host.domains).filter((d) => d.autostart).map((d) => d.name);
  return names.reduce((at, name) => startedFromConfig(at, name), model);
}

function configGoal(step: Step): Goal {
  const found = kindOf(step).goals(step.args).find(({ goal }) => goal === "config");
  if (found === undefined) throw new Error(`${step.id} says nothing of a config`);
  return found;
}

function isTemporary(step: Step): boolean {
  const goals = kindOf(step).goals(step.args);
  return goals.length > 0 && goals.every((goal) => TEMPORARY.has(goal.goal));
}

function undo(step: Step, model: Model): Model {
  const taken = kindOf(step).undo?.(step.args);
  if (taken === undefined) return model;
  const holds = taken.when.length === 0 || verdictOf(taken.when, model) === "done";
  return holds ? taken.effect(model) : model;
}
