import type { Action, Risk, Step } from "../model/step.js";
import type { Style } from "./style.js";

/** What a step's kind says of it; kinds are looked up by whoever renders. */
export interface StepDescription {
  readonly title: string;
  readonly risk: Risk;
  readonly actions: readonly Action[];
}

export type DescribeStep = (step: Step) => StepDescription;

/** How a text is laid out. */
export interface View {
  readonly width: number;
  readonly style: Style;
  /** How often `-v` was given. */
  readonly verbosity: number;
  readonly describe: DescribeStep;
}

/** Narrower than this nothing reads well, wider neither. */
export function usableWidth(columns: number | undefined): number {
  return Math.min(Math.max(columns ?? 80, 60), 120);
}
