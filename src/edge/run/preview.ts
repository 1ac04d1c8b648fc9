import { inParallel } from "./parallel.js";
import type { Planned } from "./plan-target.js";
import { planTarget } from "./plan-target.js";
import type { Observation, Target } from "./target.js";

/** A host that was looked at, with what was found there. */
export type Preview = { readonly host: string; readonly target: Target } & (Planned | Extract<Observation, { unreachable: string }>);

/** Looks at all hosts, at most `forks` at a time, and plans each. Nothing is changed anywhere. */
export async function previewHosts(targets: readonly Target[], forks: number): Promise<readonly Preview[]> {
  return inParallel(targets, forks, async (target): Promise<Preview> => {
    const planned = await planTarget(target);
    return { host: target.name, target, ...planned };
  });
}
