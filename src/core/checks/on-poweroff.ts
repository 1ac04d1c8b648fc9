import type { Check } from "./check.js";

export const onPoweroff: Check = {
  code: "on-poweroff",
  about: "a guest that does not go away when it powers off would write on while its last changes are carried",
  run: ({ domain, desired }) => {
    const action = domain.config?.onPoweroff ?? "destroy";
    if (action === "destroy" || domain.running === undefined) return [];
    return [
      {
        at: desired.at, summary: `${domain.name} has on_poweroff="${action}": it would not be gone after its shutdown`,
        fix: "Set on_poweroff=\"destroy\" in its config and restart it.",
      },
    ];
  },
};
