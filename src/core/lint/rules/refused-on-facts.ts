import { plansOnFacts } from "../facts-plans.js";
import type { Rule } from "../rule.js";

/** Rules of their own tell these. */
const TOLD_ELSEWHERE = new Set(["no-strategy-fits", "over-budget"]);

export const refusedOnFacts: Rule = {
  name: "refused-on-facts",
  about: "On the facts recorded, converge would refuse this, or warn of it.",
  severity: "error",
  check: (project) => plansOnFacts(project).flatMap(({ diagnostics }) => diagnostics.flatMap((diagnostic) => {
    const { code, severity, at, summary, detail, fix, subject } = diagnostic;
    if (at === undefined || severity === "note" || TOLD_ELSEWHERE.has(code)) return [];
    return [{
      at, severity, summary: `${summary} (${code})`,
      ...(detail === undefined ? {} : { detail }), ...(fix === undefined ? {} : { fix }), ...(subject === undefined ? {} : { subject }),
    }];
  })),
};
