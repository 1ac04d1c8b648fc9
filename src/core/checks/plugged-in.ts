import { stepsOf } from "../model/plan.js";
import { devicesThatDiffer } from "../xl/devices.js";
import type { Check } from "./check.js";

export const pluggedIn: Check = {
  code: "plugged-in-since",
  about: "a guest that is restarted from its config comes back without what was plugged in while it ran",
  run: ({ nodes, domain, desired }) => {
    const { config, running } = domain;
    if (config === undefined || running === undefined || !stepsOf(nodes).some((step) => step.kind === "shut-down")) return [];
    const cards = running.macs?.length ?? config.networkCards;
    const differ = [
      ...(cards === config.networkCards ? [] : [`${config.networkCards} network card${config.networkCards === 1 ? "" : "s"} in the config, ${cards} in the guest`]),
      ...devicesThatDiffer(config.devices ?? {}, running.devices ?? {}),
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
