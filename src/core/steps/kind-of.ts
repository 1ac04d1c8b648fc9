import type { Step, StepKind } from "../model/step.js";
import { stepKinds } from "./registry.js";

/** The kind of a step, by its name. A step of an unknown kind can only come from a bug: saved plans are checked. */
export function kindOf(step: Step): StepKind<string, unknown> {
  const kinds: Readonly<Record<string, unknown>> = stepKinds;
  const kind = kinds[step.kind];
  if (kind === undefined) throw new Error(`there is no step kind ${step.kind}`);
  // each kind reads its own arguments only, which were typed where the step was made
  return kind as StepKind<string, unknown>;
}
