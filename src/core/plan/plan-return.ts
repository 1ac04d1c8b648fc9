import type { FinishReturn, ReturnDisk } from "../model/change.js";
import type { DesiredDomain } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { SERVED_BY_QEMU } from "../model/names.js";
import type { ConfigChange, DomainPlan, HostPlan } from "../model/plan.js";
import { diffReturn } from "../diff/diff-return.js";
import type { ReturnWish } from "../diff/diff-return.js";
import type { EditConfig } from "../steps/edit-config.js";
import { returnSteps } from "../switches/return.js";
import { editDisks } from "../xl/edit.js";
import { bindingsOf } from "./bindings.js";
import { canonicalJson } from "./canonical-json.js";
import { configChange } from "./config-edit.js";
import type { Sha256 } from "./digest.js";
import { forecastReturn } from "./forecast-return.js";
import { runChecks } from "./run-checks.js";
import { deadRun, halfWay, joinRun, runUnderWay } from "./join-run.js";
import { modelOf } from "./plan-host.js";
import { whyNotRemove } from "./removals.js";
import { simulate } from "./simulate.js";
import { atStake, clonesAtStake } from "./at-stake.js";
import { own } from "../model/own.js";

/** What brings one guest back to the images that its disks came from; simulated before it is shown, as every plan is. */
export function planReturn(state: HostState, wish: ReturnWish, sha256: Sha256): HostPlan {
  const host = state.host.name;
  const { changes, diagnostics: found } = diffReturn(wish, state);
  const domain = own(state.domains, wish.domain);
  const none = (diagnostics: readonly Diagnostic[]): HostPlan => ({ host, domains: [], diagnostics });
  const { at: _at, ...asked } = wish;
  const digest = sha256(canonicalJson({ return: asked }));
  const run = runUnderWay(wish.domain, state);
  if (run !== undefined) {
    const { plan: joined, diagnostics } = joinRun({ name: wish.domain, at: wish.at }, changes, run, digest, host);
    return { host, domains: joined === undefined ? [] : [joined], diagnostics };
  }
  const dead = deadRun(wish.domain, state);
  if (dead !== undefined) return none([halfWay({ name: wish.domain, at: wish.at }, dead, host)]);
  if (domain === undefined || changes.length === 0 || hasErrors(found)) return none(found);
  const returns = changes.filter((change): change is ReturnDisk => change.change === "return-disk");
  const finishes = changes.filter((change): change is FinishReturn => change.change === "finish-return");
  const edit = returns.length === 0 ? undefined : editOf(domain, returns, sha256);
  const diagnostics: Diagnostic[] = [...found, ...(edit?.diagnostics ?? []).map((d) => ({ ...d, at: wish.at, subject: { host, domain: domain.name } }))];
  if (hasErrors(diagnostics)) return none(diagnostics);
  const nodes = returnSteps({
    domain, returns, finishes,
    ...(edit?.edit === undefined ? {} : { edit: edit.edit }),
    ...(wish.ready === undefined ? {} : { ready: wish.ready }),
    ...(wish.move.shutdownTimeoutSeconds === undefined ? {} : { shutdownTimeoutSeconds: wish.move.shutdownTimeoutSeconds }),
    ...(wish.move.destroy === undefined ? {} : { destroy: wish.move.destroy }),
  }, state);
  const estimate = forecastReturn(domain, returns, state);
  const desired: DesiredDomain = {
    name: domain.name, at: wish.at, disks: [], move: wish.move, ...(wish.ready === undefined ? {} : { ready: wish.ready }),
  };
  diagnostics.push(
    ...changes.flatMap((change) => [...atStake(change, wish, host), ...clonesAtStake(change, wish, state), ...whyNotRemove(change, wish, state)]),
    ...runChecks({ state, domain, desired, options: wish.move, moves: [], choices: [], nodes, estimate }),
  );
  if (hasErrors(diagnostics)) return none(diagnostics);
  const plan: DomainPlan = {
    domain: domain.name, changes, nodes, choices: [], estimate, bindings: bindingsOf(domain, changes, state),
    digest,
    ...(edit?.diff === undefined ? {} : { configDiff: edit.diff }),
  };
  const simulated = simulate(nodes, modelOf(state, plan));
  if (!simulated.ok) {
    return none([...diagnostics, {
      severity: "error", code: "plan-conflict", at: wish.at, subject: { host, domain: domain.name },
      summary: `the way back of ${domain.name} would stop at ${simulated.step.id}`, detail: simulated.why,
      fix: "Look at what stands there, and remove it if nothing needs it.",
    }]);
  }
  const left = diffReturn(wish, { ...state, ...simulated.end.host }).changes;
  if (left.length > 0) throw new Error(`the way back of ${domain.name} does not end on its images`);
  return { host, domains: [plan], diagnostics };
}

function editOf(
  domain: Domain, returns: readonly ReturnDisk[], sha256: Sha256,
): { readonly edit?: EditConfig; readonly diff?: ConfigChange; readonly diagnostics: readonly Diagnostic[] } {
  const { config } = domain;
  if (config === undefined) return { diagnostics: [] };
  const { value, diagnostics } = editDisks(config.text, returns.map(({ vdev, path, format, volume: { tags } }) =>
    ({ vdev, device: path, isFile: true, format, servedByQemu: tags.includes(SERVED_BY_QEMU) })));
  if (value === undefined) return { diagnostics };
  return {
    diagnostics,
    edit: {
      domain: domain.name, path: config.path, before: config.sha256, after: sha256(value.after.text),
      edits: value.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text })),
      disks: value.disks, oldDisks: config.disks,
    },
    diff: configChange(config, value.after.text),
  };
}
