import { stepsOf } from "../model/plan.js";
import { againstSuspend } from "../switches/choose.js";
import type { Check } from "./check.js";

export const noSuspend: Check = {
  code: "can-not-suspend",
  about: "a guest is suspended only where its memory has room in Dom0's, and where all of it can be saved",
  run: ({ nodes, domain, state, desired }) => {
    if (!stepsOf(nodes).some((step) => step.kind === "save-guest")) return [];
    const reasons = againstSuspend(domain, state);
    if (reasons.length === 0) return [];
    return [
      {
        at: desired.at, summary: `${domain.name} can not be suspended`, detail: reasons.join("\n"),
        fix: "Use `switch: restart`, or give Dom0 more memory for the move.",
      },
    ];
  },
};
