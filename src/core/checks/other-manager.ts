import type { Check } from "./check.js";

export const otherManager: Check = {
  code: "other-manager",
  about: "guests that another manager owns would be started by it from its own books",
  run: ({ state, desired }) =>
    state.managers.map((manager) => ({
      at: desired.at, summary: `the guests of ${state.host.name} are managed by ${manager}`,
      fix: `Move them with ${manager}'s own means.`,
    })),
};
