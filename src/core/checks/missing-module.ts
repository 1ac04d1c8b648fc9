import { stepsOf } from "../model/plan.js";
import type { Check } from "./check.js";

/** Kernel modules that a kind of step needs. */
const NEEDS: Readonly<Record<string, string>> = {
  "create-snapshot": "dm_snapshot", "snapshot-copy": "dm_snapshot", "attach-loop": "loop", "start-mirror": "dm_mirror", "create-array": "raid1",
  "create-resource": "drbd",
};

export const missingModule: Check = {
  code: "missing-module",
  about: "what a plan needs of the kernel is looked for before anything is touched",
  run: ({ nodes, state, desired }) => {
    const needed = new Set(stepsOf(nodes).flatMap((step) => NEEDS[step.kind] ?? []));
    return [...needed].filter((name) => state.modules[name] === "missing").map((name) => ({
      at: desired.at, summary: `the kernel of ${state.host.name} has no module ${name}`,
      fix: "Install the package of the running kernel, or boot the installed one.",
    }));
  },
};
