import { keyPlaceOf } from "../../load/document.js";
import { child, definitions, rawPlays } from "../project.js";
import type { Definition, Project } from "../project.js";
import type { Finding, Rule } from "../rule.js";
import { usedNames } from "../template-names.js";

export const unusedVariable: Rule = {
  name: "unused-variable",
  about: "A variable that no template uses. One of an inventory is a note: Ansible may use it.",
  severity: "warning",
  check(project) {
    const { playbooks, inventories } = project;
    // what an unreadable playbook, or a file that was left shut, would use is not known
    if (project.hasSealed || playbooks.some(({ document }) => document === undefined)) return [];
    const defined = definitions(inventories);
    const used = usedNames(project, defined);
    const ofPlays = unusedOfPlays(project, used);
    return playbooks.length === 0 ? ofPlays : [...ofPlays, ...unusedOfInventory(defined, used)];
  },
};

function unusedOfPlays({ playbooks }: Project, used: ReadonlySet<string>): Finding[] {
  return playbooks.flatMap(rawPlays).flatMap((play) => {
    const vars = child(play, "vars");
    if (vars === undefined || typeof vars.value !== "object" || vars.value === null) return [];
    return Object.keys(vars.value).filter((name) => !used.has(name) && !isConnection(name)).map((name) => ({
      at: vars.document.locate([...vars.path, name], "key"), summary: `the variable '${name}' is used by nothing`,
      fix: `Take it out, or use it: {{ ${name} }}`,
    }));
  });
}

function unusedOfInventory(defined: readonly Definition[], used: ReadonlySet<string>): Finding[] {
  const first = new Map<string, { readonly definition: Definition; places: number }>();
  for (const definition of defined) {
    if (used.has(definition.name) || isConnection(definition.name)) continue;
    const known = first.get(definition.name);
    if (known === undefined) first.set(definition.name, { definition, places: 1 });
    else known.places += 1;
  }
  return [...first.values()].map(({ definition: { name, placed }, places }): Finding => ({
    at: keyPlaceOf(placed), severity: "note",
    summary: `no playbook uses the variable '${name}'${places === 1 ? "" : `, which is set in ${places} places`}`,
  }));
}

/** What converge or Ansible itself reads. */
function isConnection(name: string): boolean {
  return name.startsWith("ansible_") || name.startsWith("converge_");
}
