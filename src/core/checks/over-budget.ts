import { isOverBudget } from "../model/plan.js";
import type { Check } from "./check.js";

export const overBudget: Check = {
  code: "over-budget",
  about: "a downtime that is forecast to break its budget is said before anything is done",
  run: ({ estimate, desired, domain, nodes }) => {
    const { budgetSeconds, downtimeSeconds, parts } = estimate;
    if (!isOverBudget(estimate)) return [];
    const reckoned = parts.map(({ what, seconds, how }) => `${what}: ${seconds} s, ${how}`);
    // only passes find out how long it takes before the guest is touched, and only they end where it stays so
    if (!nodes.some(({ node }) => node === "repeat")) {
      return [
        {
          at: desired.at,
          summary: `${domain.name} would be down for about ${downtimeSeconds} s, and ${budgetSeconds} s are allowed`,
          detail: reckoned.join("\n"),
          fix: "Allow more downtime, or choose another `strategy` or `switch`.",
        },
      ];
    }
    return [
      {
        severity: "warning", at: desired.at,
        summary: `${domain.name} would be down for about ${downtimeSeconds} s, and ${budgetSeconds} s are allowed`,
        detail: [...reckoned, "the passes measure it before the guest is touched; if it stays so, the guest is not shut down"].join("\n"),
        fix: "Allow more downtime, or raise what limits the copy.",
      },
    ];
  },
};
