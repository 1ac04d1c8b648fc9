import type { Placed } from "../load/document.js";
import type { Expression } from "../load/expression.js";
import { looksTemplated, parseTemplate } from "../load/template.js";
import type { Definition, Project } from "./project.js";
import { rawPlays, textsIn } from "./project.js";

/** The expressions of a text; undefined where it is templated in a way that only Ansible reads. */
export function expressionsOf(text: string): readonly Expression[] | undefined {
  return parseTemplate(text).template?.parts.filter((part) => typeof part !== "string");
}

/** Texts below a value that hold a template. */
export function templatesIn(placed: Placed): readonly Placed<string>[] {
  if (typeof placed.value === "number" || typeof placed.value === "boolean" || placed.value === null) return [];
  return textsIn(placed).filter(({ value }) => looksTemplated(value));
}

/** Names of variables that any template uses: of playbooks, and of variables. */
export function usedNames({ playbooks, extraVars }: Project, defined: readonly Definition[]): ReadonlySet<string> {
  const used = new Set<string>();
  const places = [...playbooks.flatMap(rawPlays), ...defined.map(({ placed }) => placed), ...extraVars.values()];
  for (const { value } of places.flatMap(templatesIn)) {
    const expressions = expressionsOf(value);
    // of Jinja that is not read here every word may be a variable
    const names = expressions?.flatMap(({ roots }) => roots.map((root) => root.text)) ?? value.match(/[A-Za-z_]\w*/g) ?? [];
    for (const name of names) used.add(name);
  }
  return used;
}
