import { stepsOf } from "../model/plan.js";
import { kindOf } from "../steps/kind-of.js";
import type { Check } from "./check.js";

export const missingModule: Check = {
  code: "missing-module",
  about: "what a plan needs of the kernel is looked for before anything is touched",
  run: ({ nodes, state, desired }) => {
    const needed = new Set(stepsOf(nodes).flatMap((step) => kindOf(step).modules ?? []));
    return [...needed].filter((name) => state.modules[name] === "missing").map((name) => ({
      at: desired.at, summary: `the kernel of ${state.host.name} has no module ${name}`,
      // modules have no version but the kernel's
      fix: `Install the package of the running kernel (linux-image-${state.host.kernel} on Debian), or boot the installed one.`,
    }));
  },
};
