import type { StepKind } from "../model/step.js";

export interface CommitOffline {
  readonly domain: string;
}

/**
 * The commit of a guest that is down and stays down: its config names the new disks, which hold all that the old
 * ones do. From here on a run that is cut short goes forward, or it would undo the config after an image has gone.
 */
export const commitOffline: StepKind<"commit-offline", CommitOffline> = {
  kind: "commit-offline",
  risk: "safe",
  commits: () => "offline",
  requires: () => [],
  title: ({ domain }) => `${domain} is on its new disk: the commit`,
  actions: () => [{ verb: ["commit_offline"], shown: "note in the journal that there is no way back from here" }],
  goals: () => [],
  effect: (_args, model) => model,
};
