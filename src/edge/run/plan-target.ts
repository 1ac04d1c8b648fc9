import { createHash } from "node:crypto";
import type { DesiredDomain } from "../../core/model/desired.js";
import { hasErrors } from "../../core/model/diagnostic.js";
import type { HostState } from "../../core/model/host-state.js";
import type { HostPlan } from "../../core/model/plan.js";
import { withForgottenRuns } from "../../core/plan/old-books.js";
import { planHost } from "../../core/plan/plan-host.js";
import { ownMistake } from "./own-mistake.js";
import type { Observation, Target, Wishes } from "./target.js";

/** Hex SHA-256 of a text's UTF-8 form. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** What was found and planned on one host that could be reached. */
export interface Planned {
  readonly plan: HostPlan;
  /** Unset where the host could not be read. */
  readonly state?: HostState;
  readonly wishes?: Wishes;
}

/** Looks at a host and plans it. Every complaint on the way is in the plan, about a mistake of converge's own too. */
export async function planTarget(target: Target, leave?: AbortSignal): Promise<Planned | Extract<Observation, { unreachable: string }>> {
  try {
    return planned(target, await target.observe(leave));
  } catch (error) {
    return { plan: { host: target.name, domains: [], diagnostics: [ownMistake(target.name, error)] } };
  }
}

function planned(target: Target, observed: Observation): Planned | Extract<Observation, { unreachable: string }> {
  if ("unreachable" in observed) return observed;
  const { diagnostics } = observed;
  const state = observed.state === undefined || target.history === undefined ? observed.state : { ...observed.state, history: target.history };
  if (state === undefined || hasErrors(diagnostics)) return { plan: { host: target.name, domains: [], diagnostics } };
  if (target.plan !== undefined) {
    const plan = withForgottenRuns(target.plan(state), state);
    return { state, plan: { ...plan, diagnostics: [...diagnostics, ...plan.diagnostics] } };
  }
  const { value: wishes, diagnostics: problems } = target.wishes(state);
  if (wishes === undefined) return { state, plan: { host: target.name, domains: [], diagnostics: [...diagnostics, ...problems] } };
  const plan = withForgottenRuns(planHost(state, wishes.domains, sha256), state);
  return { state, wishes, plan: { ...plan, diagnostics: [...diagnostics, ...problems, ...plan.diagnostics] } };
}

/** The wishes behind a plan's guests: what a saved plan keeps. */
export function wishesBehind(plan: HostPlan, wishes: Wishes): readonly DesiredDomain[] {
  return wishes.domains.filter((wish) => plan.domains.some((domain) => domain.domain === wish.name));
}
