import { stepsOf } from "../model/plan.js";
import { againstMigrate, againstSuspend } from "../switches/choose.js";
import type { Check } from "./check.js";

export const noMigrate: Check = {
  code: "can-not-migrate",
  about: "a guest is migrated only where the hypervisor says that it can, and has room for a second copy",
  run: ({ nodes, domain, state, desired }) => {
    if (!stepsOf(nodes).some((step) => step.kind === "migrate-guest")) return [];
    const reasons = againstMigrate(domain, state);
    if (reasons.length === 0) return [];
    const suspends = againstSuspend(domain, state);
    return [
      {
        at: desired.at, summary: `${domain.name} can not be migrated to this host`, detail: reasons.join("\n"),
        fix: suspends.length === 0
          ? "Use `switch: suspend`, which keeps its uptime as well, or `restart`; or leave it to `auto`."
          : `Use \`switch: restart\`; \`suspend\` is not possible either: ${suspends.join("; ")}.`,
      },
    ];
  },
};
