import type { DesiredDomain } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { guestsRest } from "../model/guest.js";
import type { Model } from "../model/model.js";
import { leadsTo } from "../model/mapping.js";
import { stepsOf } from "../model/plan.js";
import type { DomainPlan, HostPlan } from "../model/plan.js";
import { volumeOf } from "../model/change.js";
import type { Image, Volume } from "../model/storage.js";
import { diskKey } from "../model/transform.js";
import { diffDomain } from "../diff/diff-domain.js";
import { clearedFirst, deadRun, endedFirst, goesForward, halfWay, joinRun, runUnderWay } from "./join-run.js";
import { wishDigest } from "./digest.js";
import type { Sha256 } from "./digest.js";
import { planDomain } from "./plan-domain.js";
import { kindOf } from "../steps/kind-of.js";
import { sameVdev } from "../xl/vdev.js";
import { simulate, startModel, withUnfinishedCopies } from "./simulate.js";

/**
 * The plan of one host: what differs from what is desired, and the steps that end it. Guests are planned in the
 * order given, each on the host as the ones before will have left it, so that space is counted once. Every plan is
 * simulated before it is shown: it must end in the desired state.
 * @param desired wishes already matched to this host's guests
 * @param sha256 hex SHA-256 of a text's UTF-8 form
 */
export function planHost(state: HostState, desired: readonly DesiredDomain[], sha256: Sha256): HostPlan {
  const domains: DomainPlan[] = [];
  const diagnostics: Diagnostic[] = [];
  let now = state;
  for (const wish of desired) {
    const differing = diffDomain(wish, now);
    const run = runUnderWay(wish.name, now);
    if (run !== undefined) {
      const joined = joinRun(wish, differing.changes.changes, run, wishDigest(wish, sha256), state.host.name);
      diagnostics.push(...joined.diagnostics);
      if (joined.plan !== undefined) domains.push(joined.plan);
      continue;
    }
    const dead = deadRun(wish.name, now);
    // its config names what it did not come to: that is taken back before anything else is done, and this would be a plan for another guest
    if (dead !== undefined && !goesForward(dead) && namesItsVolume(wish, now)) {
      diagnostics.push(halfWay(wish, dead, state.host.name));
      continue;
    }
    diagnostics.push(...differing.diagnostics);
    if (differing.diagnostics.some((d) => d.severity === "error")) continue;
    const planned = planDomain(wish, differing.changes.changes, now, sha256);
    diagnostics.push(...planned.diagnostics);
    if (planned.plan === undefined) continue;
    const simulated = simulate(planned.plan.nodes, modelOf(now, planned.plan), guestsRest);
    if (!simulated.ok) {
      diagnostics.push({
        severity: "error", code: "plan-conflict", at: wish.at,
        subject: { host: state.host.name, domain: wish.name },
        summary: `the plan for ${wish.name} would stop at ${simulated.step.id}`, detail: simulated.why,
        fix: "Look at what stands there, and remove it if nothing needs it.",
      });
      continue;
    }
    const left = diffDomain(wish, simulated.end.host).changes.changes;
    if (left.length > 0 && planned.plan.awaits === undefined) throw new Error(`the plan for ${wish.name} does not end in the desired state`);
    domains.push(planned.plan);
    if (dead !== undefined) {
      const running = now.domains[wish.name]?.running;
      // one that has ended may have left its guest down too, and be owed a start
      diagnostics.push(dead.committing !== "offline" && running === undefined
        ? endedFirst(wish, dead, state.host.name) : clearedFirst(wish, dead, state.host.name, running));
    }
    now = afterwards(now, simulated.end.host);
  }
  return { host: state.host.name, domains, diagnostics };
}

/** A disk of the guest is in its config already where a run is to bring it, and not settled there. */
function namesItsVolume({ name, disks }: DesiredDomain, state: HostState): boolean {
  return disks.some(({ vdev, volume }) => state.volumes[volume]?.tags.includes("converge.role=copy") === true &&
    state.domains[name]?.config?.disks.some((disk) => sameVdev(disk.vdev, vdev) && leadsTo(disk.target, volume, state)) === true);
}

/** The part of a host that one guest's plan can touch: a simulation copies what it changes, so it is given no more. */
export function modelOf(state: HostState, plan: Pick<DomainPlan, "domain" | "changes" | "nodes">): Model {
  const domain = state.domains[plan.domain];
  const volumes: Record<string, Volume> = {};
  const images: Record<string, Image> = {};
  const add = (name: string | undefined): void => {
    const volume = name === undefined ? undefined : state.volumes[name];
    if (volume !== undefined) volumes[volume.name] = volume;
  };
  for (const disk of domain?.config?.disks ?? []) {
    const image = state.images[disk.target];
    if (image !== undefined) images[image.path] = image;
    add(diskKey(disk.target));
    add(image?.on?.volume);
  }
  for (const change of plan.changes) {
    add(volumeOf(change));
    if (change.change === "return-disk" || change.change === "discard-image") images[change.image.path] = change.image;
    const path = change.change === "finish-move" ? change.image : undefined;
    const source = path === undefined ? undefined : Object.values(state.images).find((image) => image.realPath === path);
    if (source !== undefined) images[source.path] = source;
  }
  for (const step of stepsOf(plan.nodes)) {
    // whatever stands where a step makes something: the goals have to meet it
    for (const goal of kindOf(step).goals(step.args)) if ("volume" in goal) add(goal.volume);
  }
  const scoped: HostState = { ...state, volumes, images, domains: domain === undefined ? {} : { [domain.name]: domain } };
  return withUnfinishedCopies(startModel(scoped));
}

/**
 * The host once the plan has run, for the guests that are planned after it. Images that a plan retires are no other
 * guest's: a shared one is refused.
 */
function afterwards(state: HostState, end: HostState): HostState {
  return {
    ...state,
    volumeGroups: end.volumeGroups,
    volumes: { ...state.volumes, ...end.volumes },
    domains: { ...state.domains, ...end.domains },
  };
}
