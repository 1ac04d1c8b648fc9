import { stepsOf } from "../model/plan.js";
import type { Check } from "./check.js";

export const pluggedIn: Check = {
  code: "plugged-in-since",
  about: "a guest that is restarted from its config comes back without what was plugged in while it ran",
  run: ({ nodes, domain, desired }) => {
    const { config, running } = domain;
    // without what libxl has stored nobody knows what the guest has
    if (config === undefined || running?.macs === undefined || !stepsOf(nodes).some((step) => step.kind === "shut-down")) return [];
    const [inConfig, inGuest] = [config.networkCards, running.macs.length];
    const differ = [
      ...(inConfig === inGuest ? [] : [`${inConfig} network card${inConfig === 1 ? "" : "s"} in the config, ${inGuest} in the guest`]),
      ...(running.passedThrough === true && !config.ties.includes("passed-through") ? ["no PCI device in the config, and some in the guest"] : []),
    ];
    if (differ.length === 0) return [];
    return [
      {
        severity: "warning", at: desired.at,
        summary: `${domain.name} will have other devices after its restart than it has now`, detail: differ.join("\n"),
        fix: `Bring ${config.path} to what the guest is to have, if it is to keep them.`,
      },
    ];
  },
};
