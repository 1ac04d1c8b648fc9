import type { Diagnostic, Severity, Subject } from "../model/diagnostic.js";
import { withoutSecretValues, wordsWithoutSecretValues } from "../model/secret-values.js";
import type { SourceRange } from "../model/source.js";
import { lineColumn } from "../model/source.js";
import { caretLine, harmlessText } from "./caret.js";
import { wrapText } from "./wrap-text.js";

/** Colours, as functions over text; {@link PLAIN} has none. */
export interface DiagnosticStyle {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly note: (text: string) => string;
  /** What stands in the background: arrows, bars, line numbers. */
  readonly dim: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly help: (text: string) => string;
}

const same = (text: string): string => text;

export const PLAIN: DiagnosticStyle = { error: same, warning: same, note: same, dim: same, strong: same, help: same };

const WIDTH = 80;

/**
 * Diagnostics for people, in the given order, with an empty line between two:
 *
 *     error[unknown-key]: a disk has no key 'filesytem'
 *       --> playbooks/web.yml:7:44
 *        |
 *      7 |         xvda1: { volume: vg0/web1, filesytem: ext4 }
 *        |                                    ^^^^^^^^^
 *        = help: did you mean 'filesystem'?
 *
 * Lines are at most `width` columns wide, but for paths and words that are longer.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[], style: DiagnosticStyle = PLAIN, width: number = WIDTH,
): string {
  return diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, style, width)).join("\n");
}

/** One of {@link renderDiagnostics}, with a line break at its end. */
export function renderDiagnostic(diagnostic: Diagnostic, style: DiagnosticStyle = PLAIN, width: number = WIDTH): string {
  const { severity, code, at } = diagnostic;
  const place = at === undefined ? undefined : lineColumn(at.source.text, at.start);
  const gutter = String(place?.line ?? "").length + 1;
  const title = `${severity}[${code}]`;
  const [first, ...rest] = wrapText(`${title}: ${harmlessText(diagnostic.summary)}`, width, "  ");
  const lines = [
    colour(style, severity)(title) + style.strong((first ?? "").slice(title.length)),
    ...rest.map((line) => style.strong(line)),
  ];
  const margin = " ".repeat(gutter);
  if (at !== undefined && place !== undefined) {
    lines.push(`${margin}${style.dim("-->")} ${harmlessText(at.source.file)}:${place.line}:${place.column}`);
    lines.push(...excerpt(at, place.line, gutter, style, severity, width));
  }
  const about = subjectText(diagnostic.subject);
  if (about !== undefined) lines.push(...noteLines("on", about, margin, same, style, width));
  if (diagnostic.detail !== undefined) lines.push(...noteLines("note", diagnostic.detail, margin, same, style, width));
  if (diagnostic.fix !== undefined) lines.push(...noteLines("help", diagnostic.fix, margin, style.help, style, width));
  return `${lines.join("\n")}\n`;
}

function excerpt(
  at: SourceRange, line: number, gutter: number, style: DiagnosticStyle, severity: Severity, width: number,
): string[] {
  const { text } = at.source;
  if (text === "" || at.source.secret === true) return [];
  const start = Math.min(Math.max(at.start, 0), text.length);
  const lineStart = start === 0 ? 0 : text.lastIndexOf("\n", start - 1) + 1;
  const newline = text.indexOf("\n", lineStart);
  const lineEnd = newline === -1 ? text.length : newline;
  // a range over several lines is marked to the end of its first one
  const end = Math.min(Math.max(at.end, start), lineEnd);
  const content = withoutSecretValues(at.source).slice(lineStart, lineEnd);
  const trimmed = lineStart + content.trimEnd().length;
  const shown = caretLine(content, start - lineStart, Math.max(Math.min(end, trimmed), start) - lineStart, width - gutter - 4);
  const bar = style.dim(`${" ".repeat(gutter)} |`);
  return [
    bar,
    `${style.dim(`${String(line).padStart(gutter)} |`)} ${shown.text}`.trimEnd(),
    `${bar} ${colour(style, severity)(shown.marks)}`,
  ];
}

function noteLines(
  label: string, text: string, margin: string, paint: (text: string) => string, style: DiagnosticStyle, width: number,
): string[] {
  const indent = " ".repeat(label.length + 2);
  const paragraphs = text.split("\n").map(harmlessText);
  const wrapped = paragraphs.flatMap((paragraph, i) => {
    return wrapText(i === 0 ? `${label}: ${paragraph}` : indent + paragraph, width - margin.length - 3, indent);
  });
  return wrapped.map((line, i) => {
    const painted = i === 0 ? paint(line.slice(0, label.length + 1)) + line.slice(label.length + 1) : line;
    return i === 0 ? `${margin} ${style.dim("=")} ${painted}` : `${margin}   ${painted}`;
  });
}

function colour(style: DiagnosticStyle, severity: Severity): (text: string) => string {
  return severity === "error" ? style.error : severity === "warning" ? style.warning : style.note;
}

/** `host dom0a, guest web1, disk xvda1` */
function subjectText(subject: Subject | undefined): string | undefined {
  const parts = [
    ...(subject?.host === undefined ? [] : [`host ${wordsWithoutSecretValues(subject.host)}`]),
    ...(subject?.domain === undefined ? [] : [`guest ${subject.domain}`]),
    ...(subject?.vdev === undefined ? [] : [`disk ${subject.vdev}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** A diagnostic for programs: places resolved, no text of the file in it. */
export interface DiagnosticJson {
  readonly severity: Severity;
  readonly code: string;
  readonly summary: string;
  readonly detail?: string;
  readonly fix?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly endLine?: number;
  readonly endColumn?: number;
  readonly subject?: Subject;
}

/** The form that `--json` and a lint's report have; what is unset is left out. */
export function diagnosticJson(diagnostic: Diagnostic): DiagnosticJson {
  const { severity, code, summary, detail, fix, at, subject } = diagnostic;
  const start = at === undefined ? undefined : lineColumn(at.source.text, at.start);
  const end = at === undefined ? undefined : lineColumn(at.source.text, at.end);
  return {
    severity, code, summary,
    ...(detail === undefined ? {} : { detail }),
    ...(fix === undefined ? {} : { fix }),
    ...(at === undefined || start === undefined || end === undefined
      ? {}
      : { file: at.source.file, line: start.line, column: start.column, endLine: end.line, endColumn: end.column }),
    ...(subject === undefined ? {} : { subject }),
  };
}
