import type { Replacement, SourceRange } from "./source.js";

export type Severity = "error" | "warning" | "note";

/**
 * An expected problem, told to a human. Problems are collected and returned, not thrown: an exception means a bug
 * in converge.
 */
export interface Diagnostic {
  readonly severity: Severity;
  /** Stable name, kebab case; docs/diagnostics/<code>.md explains it. */
  readonly code: string;
  /** One line: what is wrong. No full stop at the end. */
  readonly summary: string;
  /** What more there is to know: what was seen, what was expected. */
  readonly detail?: string;
  /** Where it was written. */
  readonly at?: SourceRange;
  /** What it is about, where that is no place in a file. */
  readonly subject?: Subject;
  /** What to do about it: an imperative sentence. */
  readonly fix?: string;
  /** What mends it in the text of `at`, where that takes no judgement: `converge lint --fix` does it. */
  readonly edits?: readonly Replacement[];
}

/** Host, guest and disk that a diagnostic is about. */
export interface Subject {
  readonly host?: string;
  readonly domain?: string;
  readonly vdev?: string;
}

/** A value together with what was noticed while making it; no value where an error forbids one. */
export interface Checked<T> {
  readonly value: T | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Whether one of them forbids to go on; warnings and notes do not. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === "error");
}
