import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { Command, CommandResult } from "../model/command.js";

interface FactBase<T> {
  /** The file's name without its ending; readings are kept under it. */
  readonly name: string;
  /** How long the command may take on the host; 120 s unless said. */
  readonly seconds?: number;
  /**
   * What the command printed, as a value. Never throws, whatever was printed.
   * @returns no value where the command could not say; an error only where nothing useful can be known without it
   */
  parse(result: CommandResult): Checked<T>;
  /** The result without secrets, for a recording. Parsing it gives the same value but for these. */
  redact?(result: CommandResult): CommandResult;
}

/** Something to learn of a host by one fixed command. */
export interface FirstFact<T> extends FactBase<T> {
  readonly round: 1;
  readonly command: Command;
}

/** Something to learn by a command whose arguments come from the first round. */
export interface SecondFact<T, First> extends FactBase<T> {
  readonly round: 2;
  /** @returns undefined where there is nothing to ask */
  command(first: First): Command | undefined;
}

export type Fact<T, First = never> = FirstFact<T> | SecondFact<T, First>;

/** The type of what a fact yields. */
export type FactValue<F> = F extends { parse(result: CommandResult): Checked<infer T> } ? T : never;

/** A value without complaints. */
export function known<T>(value: T, diagnostics: readonly Diagnostic[] = []): Checked<T> {
  return { value, diagnostics };
}

/** Nothing known, and nothing wrong: the tool is not there ({@link isMissingTool}), or nothing of that kind is. */
export const absent: Checked<never> = { value: undefined, diagnostics: [] };

/**
 * Nothing known, and it should be.
 * @param what the fact, as a person would call it: `volume groups`
 */
export function unreadable(what: string, result: CommandResult, why?: string): Checked<never> {
  return { value: undefined, diagnostics: [unreadableDiagnostic(what, result, why)] };
}

/** As {@link unreadable}, for a fact that has a value in part. */
export function unreadableDiagnostic(what: string, result: CommandResult, why?: string): Diagnostic {
  const stderr = result.stderr.trim().split("\n").slice(0, 4).join("\n").slice(0, 600);
  const cause = why ?? exitMeaning(result.exitCode);
  return {
    severity: "warning",
    code: "fact-unreadable",
    summary: `the ${what} could not be read: ${cause}`,
    ...(stderr === "" ? {} : { detail: stderr }),
  };
}

function exitMeaning(exitCode: number): string {
  if (exitCode === 124 || exitCode === 137) return "no answer in time";
  return `exit code ${exitCode}`;
}

/** Shells and env(1) give 127 for a program that is not there. */
export function isMissingTool(result: CommandResult): boolean {
  return result.exitCode === 127;
}
