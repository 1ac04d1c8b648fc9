import type { Diagnostic } from "../model/diagnostic.js";
import type { DomainPlan } from "../model/plan.js";
import { stepsOf } from "../model/plan.js";
import { compareBindings } from "./bindings.js";
import { canonicalJson } from "./canonical-json.js";

/** What makes two plans of one guest the same work. Estimates may differ: they forecast. */
export type PlannedWork = Pick<DomainPlan, "domain" | "digest" | "nodes" | "bindings">;

/**
 * What is different between the plan that was shown and the one that would be made now. Empty: what was shown is
 * what would run.
 */
export function staleness(host: string, shown: PlannedWork, now: PlannedWork | undefined): readonly Diagnostic[] {
  const { domain } = shown;
  if (now === undefined) return [stale(host, domain, `${domain} has nothing left to do any more`)];
  const bindings = compareBindings(host, domain, shown.bindings, now.bindings);
  if (bindings.length > 0) return bindings;
  if (shown.digest !== now.digest) return [stale(host, domain, `what is wished for ${domain} has changed since the plan was made`)];
  if (canonicalJson(shown.nodes) === canonicalJson(now.nodes)) return [];
  return [stale(host, domain, `the steps for ${domain} have changed since the plan was made`, changedSteps(shown, now).join("\n"))];
}

function stale(host: string, domain: string, summary: string, detail?: string): Diagnostic {
  return {
    severity: "error", code: "stale-plan", subject: { host, domain }, summary,
    ...(detail === undefined ? {} : { detail }),
    fix: "Make a new plan with --check, and look at it again.",
  };
}

function changedSteps(shown: PlannedWork, now: PlannedWork): readonly string[] {
  const before = new Map(stepsOf(shown.nodes).map((step) => [step.id, canonicalJson(step)]));
  const after = new Map(stepsOf(now.nodes).map((step) => [step.id, canonicalJson(step)]));
  const gone = [...before.keys()].filter((id) => !after.has(id)).map((id) => `step ${id} is no longer needed`);
  const come = [...after.keys()].filter((id) => !before.has(id)).map((id) => `step ${id} has become needed`);
  const changed = [...before].filter(([id, text]) => after.has(id) && after.get(id) !== text)
    .map(([id]) => `step ${id} would do something else now`);
  const found = [...gone, ...come, ...changed];
  return found.length > 0 ? found : ["the order of the steps is no longer the same"];
}
