import type { Diagnostic } from "../model/diagnostic.js";

const MAX_DIAGNOSTICS = 100;

/**
 * The first hundred: nobody reads the thousandth complaint. Errors are kept before others, and the last one says how
 * many are not shown.
 */
export function atMost(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  if (diagnostics.length <= MAX_DIAGNOSTICS) return diagnostics;
  const errors = diagnostics.filter((d) => d.severity === "error");
  const shown = (errors.length > 0 ? errors : diagnostics).slice(0, MAX_DIAGNOSTICS);
  const summary = `${diagnostics.length - shown.length} more complaints are not shown`;
  return [...shown, { severity: "note", code: "more-complaints", summary, fix: "Mend these first" }];
}
