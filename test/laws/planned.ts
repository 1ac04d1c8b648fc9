import type { DesiredDomain } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { HostPlan } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { sha256 } from "../support/a-host.js";

const known = new WeakMap<readonly DesiredDomain[], Map<string, HostPlan>>();

/**
 * What is planned on a host, which is plain data: on hosts that are alike only once. Thousands of ways to be cut short
 * leave a few dozen hosts, and planning takes longer than all else that is done with one.
 */
export function planned(host: HostState, wishes: readonly DesiredDomain[]): HostPlan {
  const plans = known.get(wishes) ?? new Map<string, HostPlan>();
  known.set(wishes, plans);
  const key = JSON.stringify(host);
  const plan = plans.get(key) ?? planHost(host, wishes, sha256);
  plans.set(key, plan);
  return plan;
}
