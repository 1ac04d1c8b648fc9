import { runDirectory } from "../model/names.js";
import type { StepKind } from "../model/step.js";

export interface Tidy {
  readonly domain: string;
}

/** The directories that mounts and links of this guest stood in. Only empty ones go: `-xdev` and `-empty` see to it. */
export const tidy: StepKind<"tidy", Tidy> = {
  kind: "tidy",
  risk: "safe",
  requires: ["find"],
  title: ({ domain }) => `Remove ${runDirectory(domain)}`,
  actions: ({ domain }) => [
    { command: ["find", runDirectory(domain), "-xdev", "-depth", "-type", "d", "-empty", "-delete"] },
  ],
  goals: ({ domain }) => [{ goal: "file-absent", path: runDirectory(domain) }],
  effect: (_args, model) => model,
};
