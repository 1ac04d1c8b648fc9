import { LATE_NAMES, rangeInside } from "../../load/scope.js";
import { didYouMean } from "../../load/suggest.js";
import type { Placed } from "../../load/document.js";
import { isMap } from "../../load/document.js";
import { child, definitions, rawPlays } from "../project.js";
import type { Finding, Rule } from "../rule.js";
import { expressionsOf, templatesIn } from "../template-names.js";

export const undefinedReference: Rule = {
  name: "undefined-reference",
  about: "A template names a variable that is defined nowhere.",
  severity: "warning",
  check({ inventories, playbooks, extraVars, hasSealed }) {
    if (hasSealed) return [];
    const defined = definitions(inventories);
    const general = new Set([...BUILT_IN, ...LATE_NAMES, ...extraVars.keys(), ...defined.map(({ name }) => name)]);
    const ofInventories = defined.flatMap(({ placed }) => undefinedIn(placed, general));
    const ofPlays = playbooks.flatMap(rawPlays).flatMap((play) => {
      const vars = child(play, "vars")?.value;
      return undefinedIn(play, isMap(vars) ? new Set([...general, ...Object.keys(vars)]) : general);
    });
    return [...ofInventories, ...ofPlays];
  },
};

/** What converge sets by itself, and what only Ansible has. */
const BUILT_IN = [
  "inventory_hostname", "inventory_hostname_short", "group_names", "groups", "hostvars", "vars", "omit", "inventory_dir",
  "inventory_file", "playbook_dir", "role_path", "role_name", "environment", "item",
];

function undefinedIn(placed: Placed, known: ReadonlySet<string>): Finding[] {
  return templatesIn(placed).flatMap((text) => (expressionsOf(text.value) ?? []).flatMap((expression) => {
    if (expression.hasDefault) return [];
    return expression.roots.filter((root) => !known.has(root.text) && !root.text.startsWith("ansible_")).map((root) => ({
      at: rangeInside(text, text.value, root.start, root.end),
      summary: `nothing defines the variable '${root.text}'`,
      fix: didYouMean(root.text, known) ?? `Define it in the inventory or under vars; one of -e is given to lint as well: -e ${root.text}=…`,
    }));
  }));
}
