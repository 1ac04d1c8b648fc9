import type { Check } from "./check.js";

export const readyAddress: Check = {
  code: "ready-without-address",
  about: "a TCP port can only be tried at an address",
  run: ({ desired, domain }) => {
    const { ready } = desired;
    if (ready?.kind !== "tcp" || ready.address !== undefined || (domain.config?.addresses.length ?? 0) > 0) return [];
    return [
      {
        at: desired.at, summary: `where should port ${ready.port} of ${domain.name} be tried?`,
        detail: "its vif has no ip=",
        fix: "Give `ready.address`, or set ip= in the guest's vif.",
      },
    ];
  },
};
