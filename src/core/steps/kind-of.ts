import type { Step, StepKind } from "../model/step.js";
import { stepKinds } from "./registry.js";

/** The kind of a step, by its name. A step of an unknown kind can only come from a bug: saved plans are checked. */
export function kindOf(step: Step): StepKind<string, unknown> {
  const kinds: Readonly<Record<string, unknown>> = stepKinds;
  const kind = kinds[step.kind];
  if (kind === undefined) throw new Error(`there is no step kind ${step.kind} in the registry: \`npm run generate\` writes it anew`);
  // each kind reads its own arguments only, which were typed where the step was made
  return kind as StepKind<string, unknown>;
}

/** The tools that a step needs on its host. */
export function toolsOf(step: Step): readonly string[] {
  const kind = kindOf(step);
  const tools = kind.needs?.(step.args) ?? kind.requires;
  // nobody would have asked the host for it
  const untold = tools.find((tool) => !kind.requires.includes(tool));
  if (untold !== undefined) throw new Error(`${step.kind} needs ${untold}, and its \`requires\` does not say so`);
  return tools;
}

const KINDS = Object.values<StepKind<string, never>>(stepKinds);

/** Every tool that some kind of step may need, sorted. */
export const STEP_TOOLS: readonly string[] = sorted(KINDS.flatMap(({ requires }) => requires));

/** Every kernel module that some kind of step can not do without, sorted. */
export const STEP_MODULES: readonly string[] = sorted(KINDS.flatMap(({ modules = [] }) => modules));

/** Debian's packages of the tools for which a kind names one. */
export const STEP_PACKAGES: Readonly<Record<string, string>> = Object.assign({}, ...KINDS.map(({ packages = {} }) => packages)) as Record<string, string>;

function sorted(words: readonly string[]): readonly string[] {
  return [...new Set(words)].sort();
}
