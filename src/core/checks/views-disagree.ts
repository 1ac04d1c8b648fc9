import { disksBehind } from "../model/mapping.js";
import { sameVdev } from "../xl/vdev.js";
import type { Check } from "./check.js";

export const viewsDisagree: Check = {
  code: "views-disagree",
  about: "config, stored config and xenstore must agree on a running guest's disks before one of them is believed",
  run: ({ domain, desired, state }) => {
    const { config, running } = domain;
    if (config === undefined || running === undefined) return [];
    const vdevs = new Set([...config.disks, ...running.stored, ...running.attached].map((d) => d.vdev));
    const lines: string[] = [];
    for (const vdev of [...vdevs].sort()) {
      const inConfig = config.disks.find((d) => sameVdev(d.vdev, vdev))?.target;
      const inStored = running.stored.find((d) => sameVdev(d.vdev, vdev))?.target;
      const inXenstore = running.attached.find((d) => sameVdev(d.vdev, vdev))?.params;
      const views = [inConfig, inStored, inXenstore].map((path) => (path === undefined ? [] : disksBehind(path, state)));
      // the legs of a mirror are one disk
      const [first = [], ...others] = views;
      if (first.some((disk) => others.every((view) => view.includes(disk)))) continue;
      lines.push(`${vdev}: ${config.path} has ${show(inConfig)}, xl's stored config ${show(inStored)}, xenstore ${show(inXenstore)}`);
    }
    if (lines.length === 0) return [];
    return [
      {
        at: desired.at, summary: `what is known of ${domain.name}'s disks does not agree`, detail: lines.join("\n"),
        fix: "Decide which is right, and restart the guest from it.",
      },
    ];
  },
};

function show(target: string | undefined): string {
  return target === undefined ? "nothing" : target === "" ? "an empty drive" : target;
}
