import { stepsOf } from "../model/plan.js";
import { againstRehearsal } from "../switches/rehearse.js";
import type { Check } from "./check.js";

export const noRehearsal: Check = {
  code: "can-not-rehearse",
  about: "a clone is booted only where there is memory for it, and where it shares nothing that it could write to",
  run: ({ nodes, domain, moves, state, desired }) => {
    if (!stepsOf(nodes).some((step) => step.kind === "create-clone")) return [];
    const reasons = againstRehearsal(domain, desired, moves, state);
    return reasons.length === 0
      ? []
      : [{
          at: desired.at, summary: `the move of ${domain.name} can not be rehearsed`, detail: reasons.join("\n"),
          fix: "Change what is held against it, or do without: `rehearse: false`.",
        }];
  },
};
