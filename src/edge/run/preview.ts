import { hasErrors } from "../../core/model/diagnostic.js";
import { inParallel } from "./parallel.js";
import type { Planned } from "./plan-target.js";
import { planTarget } from "./plan-target.js";
import type { Observation, Target } from "./target.js";

/** A host that was looked at, with what was found there, and when by the clock of {@link previewHosts}. */
export type Preview = { readonly host: string; readonly target: Target; readonly at: number } & (Planned | Extract<Observation, { unreachable: string }>);

/**
 * Looks at all hosts, at most `forks` at a time, and plans each. Nothing is changed anywhere.
 * @param clock milliseconds, of a clock that nobody sets
 */
export async function previewHosts(targets: readonly Target[], forks: number, clock: () => number): Promise<readonly Preview[]> {
  return inParallel(targets, forks, async (target): Promise<Preview> => {
    const planned = await planTarget(target);
    return { host: target.name, target, at: clock(), ...planned };
  });
}

/** Something is to be done there. Of a host that is refused, be it for one guest, its preview says that nothing will be. */
export function hasWork(preview: Preview): preview is Extract<Preview, { plan: unknown }> {
  return "plan" in preview && preview.plan.domains.length > 0 && !hasErrors(preview.plan.diagnostics);
}
