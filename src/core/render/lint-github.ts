import { lineColumn } from "../model/source.js";
import type { LintView } from "./lint-view.js";
import { wholeText } from "./lint-view.js";

const COMMANDS = { error: "error", warning: "warning", note: "notice" } as const;

/**
 * A lint's report as workflow commands of GitHub Actions, one a line, which become annotations. See "Workflow commands
 * for GitHub Actions" in GitHub's documentation; columns are given where a finding lies on one line, as it asks.
 */
export function lintReportGithub({ report }: LintView): readonly string[] {
  return report.findings.map((finding) => {
    const { at, severity, code } = finding;
    const from = at === undefined ? undefined : lineColumn(at.source.text, at.start);
    const to = at === undefined ? undefined : lineColumn(at.source.text, at.end);
    const place = at === undefined || from === undefined || to === undefined ? [] : [
      `file=${property(at.source.file)}`, `line=${from.line}`, `endLine=${to.line}`,
      ...(from.line === to.line ? [`col=${from.column}`, `endColumn=${Math.max(to.column, from.column)}`] : []),
    ];
    return `::${COMMANDS[severity]} ${[...place, `title=${property(code)}`].join(",")}::${message(wholeText(finding))}`;
  });
}

function message(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return message(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
