import { splitPattern } from "../../inventory/pattern.js";
import type { Rule } from "../rule.js";

export const unmatchedHosts: Rule = {
  name: "unmatched-hosts",
  about: "A play's hosts mean no host of any inventory: it does nothing.",
  severity: "error",
  check: ({ playbooks }) => playbooks.flatMap(({ document, fillings }) => {
    const loaded = fillings.map((filling) => filling.loaded);
    const plays = loaded[0]?.plays ?? [];
    // an inventory that the playbook has errors with says nothing; a name that is unknown is complained of by itself
    if (document === undefined || loaded.some((one) => one === undefined)) return [];
    return plays.flatMap((play, i) => {
      if (loaded.some((one) => (one?.plays[i]?.hosts.length ?? 0) > 0)) return [];
      const at = document.locate([i, "hosts"]);
      const [first = "", ...rest] = splitPattern(document.source.text.slice(at.start, at.end).replace(/^["']|["']$/g, ""));
      const narrowed = rest.some((part) => /^[&!]/.test(part));
      return [{
        at, summary: `'${play.name}' means no host of ${loaded.length === 1 ? "the inventory" : "any inventory"}`,
        fix: narrowed ? `Look at what the parts after '${first}' leave of it` : "Put hosts into the group, or take the play out",
      }];
    });
  }),
};
