import { unitName } from "../model/names.js";
import type { StepKind } from "../model/step.js";

export interface LiftWeight {
  readonly domain: string;
}

/** As a unit has it that nobody says anything of (systemd.resource-control(5)). */
export const DEFAULT_WEIGHT = 100;

/**
 * What the run's unit may take of the disks, as any unit: what the guest waits for is not held back. Its unit ends with the run,
 * so that nothing is to be taken back. A systemd that does not do it makes that slower: no reason to give up.
 */
export const liftWeight: StepKind<"lift-weight", LiftWeight> = {
  kind: "lift-weight",
  risk: "safe",
  requires: ["systemctl"],
  title: ({ domain }) => `Lift the weight of ${unitName(domain)}`,
  actions: ({ domain }) => [{
    verb: ["try"], command: ["systemctl", "set-property", "--runtime", unitName(domain), `IOWeight=${DEFAULT_WEIGHT}`],
  }],
  goals: () => [],
  effect: (_args, model) => model,
};
