import type { LintReport } from "../lint/lint.js";
import type { Diagnostic, Severity } from "../model/diagnostic.js";
import { rules } from "../lint/rules/registry.js";

/** What every form of a lint's report is made from. */
export interface LintView {
  readonly report: LintReport;
  /** Version of converge. */
  readonly version: string;
}

export type Tally = Readonly<Record<Severity, number>>;

/** How many there are of each severity. */
export function tallyOf(findings: readonly Diagnostic[]): Tally {
  const tally = { error: 0, warning: 0, note: 0 };
  for (const { severity } of findings) tally[severity] += 1;
  return tally;
}

/** Findings by file, in the order of the report; those without a place stand under an empty name. */
export function byFile(findings: readonly Diagnostic[]): ReadonlyMap<string, readonly Diagnostic[]> {
  const groups = new Map<string, Diagnostic[]>();
  for (const finding of findings) {
    const file = finding.at?.source.file ?? "";
    const group = groups.get(file);
    if (group === undefined) groups.set(file, [finding]);
    else group.push(finding);
  }
  return groups;
}

/** What a rule is there for; undefined for complaints of reading, which have pages in docs/diagnostics. */
export function aboutRule(code: string): string | undefined {
  return Object.values(rules).find((rule) => rule.name === code)?.about;
}

/** Summary, detail and fix as one text. */
export function wholeText({ summary, detail, fix }: Diagnostic): string {
  return [summary, detail, fix].filter((part) => part !== undefined).join("\n");
}
