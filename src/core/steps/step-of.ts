import type { Phase, Step, StepKind } from "../model/step.js";

/** A step of a kind: the way strategies and switch-overs write steps, so that arguments are checked by type. */
export function stepOf<Kind extends string, Args>(
  kind: StepKind<Kind, Args>,
  phase: Phase,
  id: string,
  args: Args,
  why: string,
): Step<Kind, Args> {
  return { node: "step", id, kind: kind.kind, phase, args, why };
}
