import type { Goal } from "../model/goal.js";

const TEMPORARY: ReadonlySet<Goal["goal"]> = new Set<Goal["goal"]>([
  "mounted", "loop-attached", "snapshot-exists", "boot-unit", "mapping", "mirrored", "array", "array-tracked", "array-mirrored",
  "resource", "resource-mirrored", "block-job",
]);

/**
 * Whether what a step makes is there for the run only, and so is taken away also when the run ends after the commit.
 */
export function isTemporary({ temporary }: { readonly temporary?: true }, goals: readonly Goal[]): boolean {
  return temporary === true || (goals.length > 0 && goals.every((goal) => TEMPORARY.has(goal.goal)));
}
