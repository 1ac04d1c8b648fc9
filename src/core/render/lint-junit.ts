import type { Diagnostic } from "../model/diagnostic.js";
import { lineColumn } from "../model/source.js";
import type { LintView } from "./lint-view.js";
import { byFile, wholeText } from "./lint-view.js";

/**
 * A lint's report as JUnit's XML, as Jenkins and GitLab take it in: a suite for each file, a failure for each error and
 * warning. Notes fail nothing and are left out.
 */
export function lintReportJunit({ report }: LintView): readonly string[] {
  const groups = byFile(report.findings.filter(({ severity }) => severity !== "note"));
  const names = [...(groups.has("") ? [""] : []), ...report.files, ...[...groups.keys()].filter((file) => file !== "" && !report.files.includes(file))];
  const failures = [...groups.values()].reduce((sum, group) => sum + group.length, 0);
  const tests = names.reduce((sum, name) => sum + Math.max(1, groups.get(name)?.length ?? 0), 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="converge lint" tests="${tests}" failures="${failures}">`,
    ...names.flatMap((name) => suite(name, groups.get(name) ?? [])),
    "</testsuites>",
  ];
}

function suite(file: string, findings: readonly Diagnostic[]): readonly string[] {
  const name = file === "" ? "converge lint" : file;
  const open = `  <testsuite name="${escaped(name)}" tests="${Math.max(1, findings.length)}" failures="${findings.length}" errors="0" skipped="0">`;
  if (findings.length === 0) return [open, `    <testcase name="lint" classname="${escaped(name)}"/>`, "  </testsuite>"];
  return [
    open,
    ...findings.flatMap((finding) => {
      const { at, severity, code, summary } = finding;
      const place = at === undefined ? undefined : lineColumn(at.source.text, at.start);
      const where = place === undefined ? "" : `${name}:${place.line}:${place.column}\n`;
      return [
        `    <testcase name="${escaped(code)}${place === undefined ? "" : ` at ${place.line}:${place.column}`}" classname="${escaped(name)}">`,
        `      <failure type="${severity}" message="${escaped(summary)}">${escaped(where + wholeText(finding))}</failure>`,
        "    </testcase>",
      ];
    }),
    "  </testsuite>",
  ];
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text in XML 1.0: what no document may hold (section 2.2, "Characters") becomes a replacement character. */
function escaped(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what it looks for
  const legal = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");
  return legal.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
}
