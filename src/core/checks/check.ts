import type { MoveDisk } from "../model/change.js";
import type { DesiredDomain, MoveOptions } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import type { Estimate, PlanNode } from "../model/plan.js";
import type { StrategyChoice } from "../model/plan.js";

/** What a check may look at: one guest, what is to be done to it, and the host as it is when its turn comes. */
export interface CheckContext {
  readonly state: HostState;
  readonly domain: Domain;
  readonly desired: DesiredDomain;
  readonly options: MoveOptions;
  readonly moves: readonly MoveDisk[];
  readonly choices: readonly StrategyChoice[];
  readonly nodes: readonly PlanNode[];
  readonly estimate: Estimate;
}

/** The groups in which volumes or snapshots are made, or gone on with: a copy that was begun takes no more room, and is written to. */
export function groupsOf({ moves, estimate }: Pick<CheckContext, "moves" | "estimate">): ReadonlySet<string> {
  return new Set([...moves.map(({ to }) => to.group), ...estimate.spaceNeeded.map(({ group }) => group)]);
}

/** A diagnostic without what every one of this check has in common. */
export type Finding = Omit<Diagnostic, "code" | "subject" | "severity"> & {
  readonly severity?: Diagnostic["severity"];
  readonly vdev?: string;
};

/** One policy with a stable code. A new one is a file in this folder; docs/diagnostics/<code>.md explains it. */
export interface Check {
  readonly code: string;
  /** One line: what it forbids and why. */
  readonly about: string;
  /** It is asked of a guest that nothing is to be done to as well, of the disks that its playbook names. */
  readonly always?: true;
  run(context: CheckContext): readonly Finding[];
}
