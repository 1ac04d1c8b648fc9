import type { StepKind } from "../model/step.js";

export interface CommitOffline {
  readonly domain: string;
}

/**
 * The commit of a guest that is down and stays down: its new disks hold all that the old ones do. It comes before the config is
 * edited, or an undo could take the config back from under a guest that somebody has started on its new disk. From here on a
 * run that is cut short goes forward.
 */
export const commitOffline: StepKind<"commit-offline", CommitOffline> = {
  kind: "commit-offline",
  risk: "safe",
  commits: () => "offline",
  requires: [],
  title: ({ domain }) => `${domain} is on its new disk: the commit`,
  actions: () => [{ verb: ["commit_offline"], shown: "note in the journal that there is no way back from here" }],
  goals: () => [],
  effect: (_args, model) => model,
};
