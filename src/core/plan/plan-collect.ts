import type { CollectChange, DiscardImage, ForgetRuns } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { formatBytes } from "../model/bytes.js";
import type { DomainPlan, Estimate, HostPlan } from "../model/plan.js";
import { safeName, volumePath } from "../model/names.js";
import type { Step } from "../model/step.js";
import { diffCollect } from "../diff/diff-collect.js";
import type { CollectWish } from "../diff/diff-collect.js";
import { formatInstant } from "../render/figures.js";
import { discardRetired, guardRetired } from "../steps/retired-image.js";
import { forgetOldRuns } from "../steps/forget-runs.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { sameVdev } from "../xl/vdev.js";
import { bindingsOf } from "./bindings.js";
import type { Sha256 } from "./digest.js";
import { modelOf } from "./plan-host.js";
import { simulate } from "./simulate.js";
import { own } from "../model/own.js";

/** What removes a host's leftovers that are past their time, guest by guest; simulated before it is shown, as every plan is. */
export function planCollect(state: HostState, wish: CollectWish, sha256: Sha256): HostPlan {
  const host = state.host.name;
  const { changes, diagnostics: found } = diffCollect(wish, state);
  const guests = [...new Set(changes.map(({ domain }) => domain))].sort();
  const diagnostics: Diagnostic[] = [...found];
  const domains = guests.flatMap((name): readonly DomainPlan[] => {
    const ofGuest = changes.filter(({ domain }) => domain === name);
    const discards = ofGuest.filter((change): change is DiscardImage => change.change === "discard-image");
    diagnostics.push(...discards.map((change) => wayBackEnds(change, wish, host)));
    const plan = planOf(name, ofGuest, discards, state, sha256);
    const simulated = simulate(plan.nodes, modelOf(state, plan));
    if (!simulated.ok) throw new Error(`what is left of ${name} can not be removed: ${simulated.why}`);
    const left = diffCollect(wish, { ...state, ...onlyLeftovers(simulated.end.host) }).changes.filter(({ domain }) => domain === name);
    if (left.length > 0) throw new Error(`the plan for ${name} does not remove all that is past its time`);
    return [plan];
  });
  return { host, domains, diagnostics };
}

function onlyLeftovers({ images, past, commits }: HostState): Partial<HostState> {
  return { images, ...(past === undefined ? {} : { past }), ...(commits === undefined ? {} : { commits }) };
}

function planOf(name: string, changes: readonly CollectChange[], discards: readonly DiscardImage[], state: HostState, sha256: Sha256): DomainPlan {
  const domain: Domain = own(state.domains, name) ?? { name, otherConfigs: [], autostart: false, saved: false };
  const forgets = changes.filter((change): change is ForgetRuns => change.change === "forget-runs");
  const gone = [...discards.map(({ image }) => image.path), ...forgets.flatMap(({ runs }) => runs.map(({ run }) => run))];
  return {
    domain: name, changes, choices: [], estimate: NOTHING_DOWN, bindings: bindingsOf(domain, changes, state),
    // the time of asking is not in it: who wants the same to go attaches to the run that removes it
    digest: sha256(JSON.stringify({ collect: name, gone })),
    nodes: [
      ...(discards.length === 0 ? [] : [guardStep(domain, discards, state)]),
      ...discards.map(discardStep),
      ...forgets.map(({ runs }) => stepOf(
        forgetOldRuns, "settle", "forget-runs", { domain: name, runs: runs.map(({ run }) => run) }, "they ended long ago, and nothing goes by them",
      )),
      stepOf(tidy, "finish", "tidy", { domain: name }, "nothing of the run stays"),
    ],
  };
}

/** Nobody is down for it, and nothing is copied. */
const NOTHING_DOWN: Estimate = { copyBytes: 0, seconds: 0, spaceNeeded: [], downtimeSeconds: 0, budgetSeconds: -1, parts: [] };

function guardStep(domain: Domain, discards: readonly DiscardImage[], state: HostState): Step {
  const { config, running } = domain;
  if (config === undefined || running === undefined) throw new Error(`${domain.name} has images to remove, and does not run`);
  return stepOf(
    guardRetired, "prepare", "guard",
    {
      domain: domain.name, bootId: state.host.bootId, config: { path: config.path, sha256: config.sha256 },
      attached: discards.map(({ vdev, volume }) => {
        const attached = running.attached.find((disk) => sameVdev(disk.vdev, vdev));
        return { vdev: attached?.vdev ?? vdev, target: attached?.params ?? volumePath(volume) };
      }),
      images: discards.map(({ image: { path, inode, bytes, devno } }) => ({ path, inode, bytes, devno })),
    },
    "somebody may have changed something meanwhile",
  );
}

function discardStep({ vdev, image, retired }: DiscardImage): Step {
  const { inode, bytes, mtime } = image;
  return stepOf(
    discardRetired, "settle", `${safeName(vdev)}.${safeName(image.path)}.discard`, { path: image.path, file: { inode, bytes, mtime } },
    `it was retired ${formatInstant(retired.at)}, and its time is over`,
  );
}

/** The plain word about what can not be had back. */
function wayBackEnds({ domain, vdev, volume, image, retired }: DiscardImage, wish: CollectWish, host: string): Diagnostic {
  return {
    severity: "warning", code: "way-back-ends", at: wish.at, subject: { host, domain, vdev },
    summary: `${vdev} of ${domain} can not be rolled back any more once ${image.path} is deleted`,
    detail: `it is ${retired.path} as it was when ${domain} left it, ${formatInstant(retired.at)}, and takes ${formatBytes(image.allocatedBytes)}; `
      + `${domain} runs on ${volume}`,
    fix: `To go back first: converge rollback ${host} ${domain}. To keep it longer: --keep-for, or move.keep_for in a playbook that gc is given.`,
  };
}
