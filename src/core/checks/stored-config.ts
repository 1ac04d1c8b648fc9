import { stepsOf } from "../model/plan.js";
import { unlikeGuest, unlikeStored } from "../switches/unlike-stored.js";
import type { Check } from "./check.js";

export const storedConfig: Check = {
  code: "stored-config-differs",
  about: "a guest is restored, and its own reboot provided for, only with what it was built with: a config that was changed since is refused",
  run: ({ nodes, domain, desired }) => {
    const { config, running } = domain;
    if (config === undefined || running === undefined) return [];
    const kinds = stepsOf(nodes).map(({ kind }) => kind);
    const down = kinds.indexOf("shut-down");
    const keeps = kinds.includes("save-guest") || kinds.includes("migrate-guest");
    const stores = kinds.includes("update-stored") && (down === -1 || kinds.indexOf("update-stored") < down);
    if (!keeps && !stores && down === -1) return [];
    const found = (keeps ? unlikeGuest(domain) : unlikeStored(domain)).map(({ line }) => line);
    if (found.length === 0) return [];
    const detail = [...new Set(found)].join("\n");
    if (!keeps && !stores) {
      return [
        {
          severity: "warning", at: desired.at, detail,
          summary: `${domain.name} comes back from its restart with what its config says by now`,
          fix: `Change ${config.path} back first, if it is to stay as it is.`,
        },
      ];
    }
    return [
      {
        at: desired.at, detail,
        summary: `the config of ${domain.name} is not what the guest was built with`,
        fix: `Change ${config.path} back until it is moved, or restart the guest from it: \`switch: restart\` does that as it moves it.`,
      },
    ];
  },
};
