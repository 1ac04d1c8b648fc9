import { isTemporary } from "../goals/temporary.js";
import { verdictOf } from "../goals/verdict.js";
import { guestWrites, startedFromConfig } from "../model/guest.js";
import type { Model } from "../model/model.js";
import { runDirectory } from "../model/names.js";
import type { Step } from "../model/step.js";
import { withGhost } from "../model/transform.js";
import { kindOf } from "../steps/kind-of.js";

export interface Recovery {
  /** The commit had been written down. Unset: as soon as a step that commits was begun. */
  readonly committing?: boolean;
  /** What guests do meanwhile. */
  readonly guests?: (model: Model) => Model;
  /** It dies itself after so many undos. */
  readonly undos?: number;
}

/**
 * What the host program does, in the model, when a run ended before its end: by a failure, by being killed, or by
 * a reboot. Before the commit all is undone, the newest first. From the moment the commit was begun on there is no
 * way back: the guest is brought up on its new disk, and only what served the run is taken away.
 * @param started steps whose actions were begun, in that order
 */
export function recover(started: readonly Step[], domain: string, model: Model, options: Recovery = {}): Model {
  const commits = commitsOf(started, model);
  const begun = stays(domain, model) || (options.committing ?? commits.length > 0);
  // a guest that was down stays so
  const from = begun ? committed(commits.includes("offline") ? model : startedFromConfig(model, domain), domain) : model;
  const all = newestFirst(started).filter((step) => !begun || isOfTheRun(step));
  const taken = all.slice(0, options.undos).reduce((at, step) => {
    // found on its new disk in the middle of it: from there on as after the commit
    const late = !begun && stays(domain, at);
    return late && !isOfTheRun(step) ? at : undo(step, late ? committed(at, domain) : at);
  }, from);
  const undone = !begun && stays(domain, taken) && options.undos === undefined ? startedFromConfig(taken, domain) : taken;
  // what is left of configs made for single commands goes with the run's directory
  const files = (undone.ghost.files ?? []).filter((path) => options.undos !== undefined || !isConfigOf(domain, path));
  return (options.guests ?? guestWrites)(withGhost(undone, { files }));
}

function stays(domain: string, { ghost }: Model): boolean {
  return ghost.staying?.includes(domain) ?? false;
}

/** A mirror that is taken back after the commit leaves the volume, not the image. */
function committed(model: Model, domain: string): Model {
  return model.ghost.committed.includes(domain) ? model : withGhost(model, { committed: [...model.ghost.committed, domain] });
}

/** It served the run, and goes with it after the commit too. */
function isOfTheRun(step: Step): boolean {
  return isTemporary(kindOf(step), kindOf(step).goals(step.args));
}

/** How the guest has to be, by each step of the commit that was begun. */
export function commitsOf(started: readonly Step[], model: Model): readonly ("running" | "offline")[] {
  return started.flatMap((step) => kindOf(step).commits?.(step.args, model) ?? []);
}

/**
 * After a run that ended well: a reboot of Dom0 needs what guests that were saved are restored onto. That is the volume, or
 * the image where the run had no commit, since it left the guest to reboot by itself.
 */
export function bringBackNames(started: readonly Step[], domain: string, model: Model): Model {
  const from = commitsOf(started, model).length > 0 ? committed(model, domain) : model;
  return newestFirst(started).filter(isOfTheRun).reduce((at, step) => undo(step, at), from);
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
    host: { ...model.host, domains, loops: [], mappings: [], mounts, host: { ...model.host.host, bootId } },
    ghost: { ...model.ghost, files: [], clones: (model.ghost.clones ?? []).filter(({ state }) => state === "saved") },
  };
}

/** Guests linked from /etc/xen/auto come up from their configs, after the boot units have run. */
export function startAutostarted(model: Model): Model {
  const names = Object.values(model.host.domains).filter((d) => d.autostart).map((d) => d.name);
  return names.reduce((at, name) => startedFromConfig(at, name), model);
}

function isConfigOf(domain: string, path: string): boolean {
  return path.startsWith(`${runDirectory(domain)}/`) && path.endsWith(".cfg");
}

/** As the host program does: each step once, however often it was begun. */
function newestFirst(started: readonly Step[]): readonly Step[] {
  return [...new Set([...started].reverse())];
}

function undo(step: Step, model: Model): Model {
  const taken = kindOf(step).undo?.(step.args);
  if (taken === undefined) return model;
  const holds = taken.when.length === 0 || verdictOf(taken.when, model, true) === "done";
  return holds ? taken.effect(model) : model;
}
