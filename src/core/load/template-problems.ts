import type { Diagnostic } from "../model/diagnostic.js";
import type { Document, Path } from "./document.js";
import { isMap } from "./document.js";
import { templateProblem } from "./scope.js";
import { looksTemplated, parseTemplate } from "./template.js";

/** Mistakes in the templates of a playbook that show without any host: their syntax, and keys that hold one. */
export function templateProblems(document: Document): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const visit = (value: unknown, path: Path): void => {
    if (typeof value === "string") {
      if (!looksTemplated(value)) return;
      const placed = { value, document, path };
      diagnostics.push(...parseTemplate(value).problems.map((problem) => templateProblem(problem, value, placed)));
    } else if (Array.isArray(value)) for (const [i, item] of (value as unknown[]).entries()) visit(item, [...path, i]);
    else if (isMap(value)) {
      for (const [key, item] of Object.entries(value)) {
        if (looksTemplated(key)) {
          diagnostics.push({
            severity: "error", code: "template-in-key", at: document.locate([...path, key], "key"),
            summary: "a template can not stand in a key", fix: "Templates go into values: key: \"{{ name }}\"",
          });
        }
        visit(item, [...path, key]);
      }
    }
  };
  visit(document.value, []);
  return diagnostics;
}
