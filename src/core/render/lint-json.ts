import type { DiagnosticJson } from "./diagnostics.js";
import { diagnosticJson } from "./diagnostics.js";
import type { LintView } from "./lint-view.js";
import { tallyOf } from "./lint-view.js";

/** A lint's report for programs; its schema is {@link lintReportSchema}. */
export interface LintReportJson {
  readonly type: "lint";
  /** Of this form: it grows when a program could misread the new one. */
  readonly version: 1;
  readonly tool: string;
  readonly findings: readonly (DiagnosticJson & { readonly fixable: boolean })[];
  readonly summary: {
    readonly files: number; readonly errors: number; readonly warnings: number; readonly notes: number; readonly silenced: number;
  };
}

/** The report as one object: `converge lint --format json`. */
export function lintReportJson({ report, version }: LintView): LintReportJson {
  const tally = tallyOf(report.findings);
  return {
    type: "lint", version: 1, tool: version,
    findings: report.findings.map((finding) => ({ ...diagnosticJson(finding), fixable: finding.edits !== undefined })),
    summary: {
      files: report.files.length, errors: tally.error, warnings: tally.warning, notes: tally.note, silenced: report.silenced,
    },
  };
}

const count = { type: "integer", minimum: 0 } as const;
const place = { type: "integer", minimum: 1 } as const;
const text = { type: "string" } as const;

/** The JSON Schema of what `converge lint --format json` prints: `converge schema lint-report`. */
export const lintReportSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "lint-report",
  description: "What converge lint --format json prints.",
  type: "object",
  additionalProperties: false,
  required: ["type", "version", "tool", "findings", "summary"],
  properties: {
    type: { const: "lint" },
    version: { const: 1 },
    tool: { ...text, description: "Version of converge." },
    findings: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["severity", "code", "summary", "fixable"],
        properties: {
          severity: { enum: ["error", "warning", "note"] },
          code: { ...text, description: "Name of the rule (docs/lint), or code of the complaint (docs/diagnostics)." },
          summary: text, detail: text, fix: text, file: text,
          line: place, column: place, endLine: place, endColumn: place,
          subject: {
            type: "object", additionalProperties: false, properties: { host: text, domain: text, vdev: text },
            description: "Host, guest and disk that it is about.",
          },
          fixable: { type: "boolean", description: "converge lint --fix mends it." },
        },
      },
    },
    summary: {
      type: "object",
      additionalProperties: false,
      required: ["files", "errors", "warnings", "notes", "silenced"],
      properties: { files: count, errors: count, warnings: count, notes: count, silenced: count },
    },
  },
} as const;
