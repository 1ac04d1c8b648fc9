import { plansOnFacts } from "../facts-plans.js";
import type { Rule } from "../rule.js";

export const unfitStrategy: Rule = {
  name: "unfit-strategy",
  about: "On the facts recorded, the strategy can not do what is asked.",
  severity: "error",
  check: (project) => plansOnFacts(project).flatMap(({ diagnostics }) => {
    return diagnostics.filter(({ code }) => code === "no-strategy-fits").flatMap(({ at, summary, detail, fix, subject }) => at === undefined ? [] : [{
      at, summary,
      ...(detail === undefined ? {} : { detail }), ...(fix === undefined ? {} : { fix }), ...(subject === undefined ? {} : { subject }),
    }]);
  }),
};
