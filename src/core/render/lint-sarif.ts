import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import { lineColumn } from "../model/source.js";
import { rules } from "../lint/rules/registry.js";
import type { LintView } from "./lint-view.js";
import { aboutRule, wholeText } from "./lint-view.js";

/** A lint's report as SARIF 2.1.0 (OASIS), as code scanning services take it in. */
export function lintReportSarif({ report, version }: LintView): object {
  const codes = [...new Set([...Object.keys(rules), ...report.findings.map(({ code }) => code)])].sort();
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: {
        driver: {
          name: "converge", semanticVersion: version,
          rules: codes.map((code) => ({
            id: code, shortDescription: { text: aboutRule(code) ?? `See docs/diagnostics/${code}.md.` },
            help: { text: `See ${aboutRule(code) === undefined ? "docs/diagnostics" : "docs/lint"}/${code}.md.` },
          })),
        },
      },
      columnKind: "utf16CodeUnits",
      originalUriBaseIds: { ROOT: { description: { text: "The folder that converge was started in." } } },
      results: report.findings.map((finding) => resultOf(finding, codes.indexOf(finding.code))),
    }],
  };
}

function resultOf(finding: Diagnostic, ruleIndex: number): object {
  const { code, severity, at, edits } = finding;
  const location = at === undefined ? undefined : artifactOf(at);
  return {
    ruleId: code, ruleIndex, level: severity, message: { text: wholeText(finding) },
    ...(at === undefined ? {} : { locations: [{ physicalLocation: { artifactLocation: location, region: regionOf(at, at.start, at.end) } }] }),
    ...(at === undefined || edits === undefined ? {} : {
      fixes: [{
        artifactChanges: [{
          artifactLocation: location,
          replacements: edits.map(({ start, end, text }) => ({
            deletedRegion: regionOf(at, start, end), insertedContent: { text },
          })),
        }],
      }],
    }),
  };
}

/** A path within the folder is relative to it; another one stands by itself. */
function artifactOf({ source: { file } }: SourceRange): object {
  const uri = file.split("/").map(encodeURIComponent).join("/");
  return file.startsWith("/") ? { uri: `file://${uri}` } : { uri, uriBaseId: "ROOT" };
}

function regionOf({ source }: SourceRange, start: number, end: number): object {
  const from = lineColumn(source.text, start);
  const to = lineColumn(source.text, end);
  return { startLine: from.line, startColumn: from.column, endLine: to.line, endColumn: to.column };
}
