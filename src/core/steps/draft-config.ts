import type { Step, StepKind } from "../model/step.js";
import { withFile, withoutFile } from "../model/transform.js";
import { draftPath } from "./draft.js";
import type { EditConfig } from "./edit-config.js";
import { stepOf } from "./step-of.js";

export type DraftConfig = Pick<EditConfig, "domain" | "path" | "before" | "after" | "edits">;

/**
 * Writes the guest's new config beside the old one while the guest still runs: in the switch nothing is left of that but the
 * rename, and a directory that cannot be written to is found out about before anybody is down for it.
 */
export const draftConfig: StepKind<"draft-config", DraftConfig> = {
  kind: "draft-config",
  risk: "safe",
  requires: ["sha256sum", "head", "tail"],
  title: ({ path }) => `Write the new text of ${path} beside it`,
  actions: ({ path, before, after, edits }) => [
    {
      verb: ["draft_config", path, before, after, ...edits.flatMap(({ start, end, text }) => [String(start), String(end), text])],
      shown: "write it under a hidden name, as the diff above shows",
    },
  ],
  goals: () => [],
  temporary: true,
  effect: (args, model) => withFile(model, draftPath(args)),
  undo: (args) => ({
    when: [],
    actions: [{ verb: ["drop_draft", args.path], shown: "remove what was written beside it" }],
    effect: (model) => withoutFile(model, draftPath(args)),
  }),
};

/** What is done before a guest that runs is shut down for this edit. */
export function draftStep({ domain, path, before, after, edits }: EditConfig): Step {
  return stepOf(draftConfig, "switch", "draft-config", { domain, path, before, after, edits }, "the guest is not to wait for it");
}
