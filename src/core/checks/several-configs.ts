import type { Check } from "./check.js";

export const severalConfigs: Check = {
  code: "several-configs",
  about: "a guest that two files define could be started from the one that is not edited",
  run: ({ domain, desired }) =>
    domain.otherConfigs.length === 0
      ? []
      : [
          {
            at: desired.at, summary: `${domain.name} is defined by more than one file`,
            detail: [domain.config?.path ?? "", ...domain.otherConfigs].join("\n"),
            fix: "Keep one of them: move the others out of /etc/xen, or let their names end in `.bak`, which is passed over.",
          },
        ],
};
