import type { DesiredDomain } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import type { Model } from "../model/model.js";
import type { DomainPlan, HostPlan } from "../model/plan.js";
import { diffDomain } from "../diff/diff-domain.js";
import { planDomain } from "./plan-domain.js";
import type { Sha256 } from "./plan-domain.js";
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
  let model: Model = withUnfinishedCopies(startModel(state));
  for (const wish of desired) {
    const differing = diffDomain(wish, model.host);
    diagnostics.push(...differing.diagnostics);
    if (differing.diagnostics.some((d) => d.severity === "error")) continue;
    const planned = planDomain(wish, differing.changes.changes, model.host, sha256);
    diagnostics.push(...planned.diagnostics);
    if (planned.plan === undefined) continue;
    const simulated = simulate(planned.plan.nodes, model);
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
    if (left.length > 0) throw new Error(`the plan for ${wish.name} does not end in the desired state`);
    domains.push(planned.plan);
    model = simulated.end;
  }
  return { host: state.host.name, domains, diagnostics };
}
