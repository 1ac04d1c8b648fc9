import type { Check } from "./check.js";

export const onPoweroff: Check = {
  code: "on-poweroff",
  about: "a guest that does not go away when it powers off would write on while its last changes are carried",
  run: ({ domain, desired }) => {
    const action = domain.config?.onPoweroff ?? "destroy";
    if (domain.running === undefined) return [];
    const started = domain.running.onPoweroff;
    if (action === "destroy" && started !== undefined) {
      return [
        {
          at: desired.at, summary: `${domain.name} was started with on_poweroff="${started}": it would not be gone after its shutdown`,
          detail: "its config says \"destroy\" by now, which counts from its next start on",
          fix: "Shut it down, `xl destroy` what is left of it, and start it from its config.",
        },
      ];
    }
    if (action === "destroy") return [];
    return [
      {
        at: desired.at, summary: `${domain.name} has on_poweroff="${action}": it would not be gone after its shutdown`,
        fix: "Set on_poweroff=\"destroy\" in its config and restart it.",
      },
    ];
  },
};
