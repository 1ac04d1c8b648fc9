import type { StepKind } from "../model/step.js";
import { withFile, withoutFile } from "../model/transform.js";

export interface WriteConfig {
  /** The guest's own config, and its hash in hex. */
  readonly from: string;
  readonly before: string;
  /** The one that is made of it, under converge's own run directory, and its hash. */
  readonly to: string;
  readonly after: string;
  /** Byte ranges of the old text, ascending, and what stands there afterwards. */
  readonly edits: readonly { readonly start: number; readonly end: number; readonly text: string }[];
  /** What it is for, in a few words. */
  readonly what: string;
}

/** A config made from the guest's own, for one command only: other disks, and the identity that the guest has now. */
export const writeConfig: StepKind<"write-config", WriteConfig> = {
  kind: "write-config",
  risk: "safe",
  requires: ["sha256sum", "head", "tail"],
  title: ({ to, what }) => `Write ${to}: ${what}`,
  actions: ({ from, before, to, after, edits }) => [
    {
      verb: ["write_config", from, before, to, after, ...edits.flatMap(({ start, end, text }) => [String(start), String(end), text])],
      shown: `write ${to} from ${from}`,
    },
  ],
  goals: () => [],
  effect: ({ to }, model) => withFile(model, to),
  undo: ({ to }) => ({
    when: [],
    actions: [{ verb: ["remove_file", to], shown: `rm -f ${to}` }],
    effect: (model) => withoutFile(model, to),
  }),
};

export interface RemoveConfig {
  readonly path: string;
}

export const removeConfig: StepKind<"remove-config", RemoveConfig> = {
  kind: "remove-config",
  risk: "safe",
  requires: ["rm"],
  title: ({ path }) => `Remove ${path}`,
  actions: ({ path }) => [{ verb: ["remove_file", path], shown: `rm -f ${path}` }],
  goals: () => [],
  effect: ({ path }, model) => withoutFile(model, path),
};
