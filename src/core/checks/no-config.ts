import type { Check } from "./check.js";

export const noConfig: Check = {
  code: "no-config",
  about: "a guest without a config on the host can not be started on its new disk",
  run: ({ domain, desired }) =>
    domain.config !== undefined
      ? []
      : [
          {
            at: desired.at, summary: `${domain.name} has no config in /etc/xen`,
            fix: `Write one (xl list -l ${domain.name} shows what it was created from).`,
          },
        ],
};
