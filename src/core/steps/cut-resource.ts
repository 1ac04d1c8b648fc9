import { quoteCommand } from "../model/command.js";
import { mappingPath, sectorsOf } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { cutTo, retired } from "./legs.js";
import type { Legs } from "./legs.js";
import { retiring } from "./makers.js";

export interface CutResource extends Legs {
  readonly domain: string;
  /** The guest runs on it; otherwise nobody does. */
  readonly running: boolean;
}

/**
 * The commit of a disk mirrored by DRBD: the image is taken off, so that all goes to the volume by way of the second
 * resource; then that one goes, and its disk, metadata and all, becomes the first one's. The guest is paused for it, and its
 * disk at rest: a write that is under way when the second resource goes would come back to it as an error.
 */
export const cutResource: StepKind<"cut-resource", CutResource> = {
  kind: "cut-resource",
  risk: ({ running }) => (running ? "disruptive" : "safe"),
  commits: ({ running }) => (running ? "running" : "offline"),
  requires: ["xl", "drbdsetup", "losetup"],
  needs: ({ running }) => [...(running ? ["xl"] : []), "drbdsetup", "losetup"],
  title: ({ domain, name, from, to, running }) =>
    `Take ${from.disk} out of ${mappingPath(name)}, which leaves ${to.disk}${running ? `, while ${domain} is paused` : ""}: the commit`,
  actions: ({ domain, name, bytes, from, to, running }) => [
    {
      verb: ["cut_resource", name, from.device, to.device, String(sectorsOf(bytes)), running ? "running" : "offline"],
      shown: (running ? `${quoteCommand(["xl", "pause", "--", domain])}; wait until nothing is under way in /dev/${name} (/proc/drbd: lo, pe, ua and ap); ` : "") +
        `drbdsetup resource-options --on-no-data-accessible=suspend-io; detach ${from.device}; disconnect and down the second resource; ` +
        `losetup --find, drbdmeta apply-al, attach ${to.device} in its place, losetup --detach; resource-options --on-no-data-accessible=io-error` +
        (running ? `; ${quoteCommand(["xl", "unpause", "--", domain])}` : ""),
    },
  ],
  goals: ({ name, to }) => [{ goal: "resource", name, leg: to }],
  effect: cutTo,
  // it died before the commit, with the guest paused
  undo: ({ domain }) => ({
    when: [],
    actions: [{ verb: ["release_disks", domain], shown: `${quoteCommand(["xl", "unpause", "--", domain])}, if it was paused here` }],
    effect: (model) => model,
  }),
};

export interface RetireResource {
  readonly name: string;
}

/** The device goes with the guest's next start, which uses the volume itself; where nobody has it, at once. */
export const retireResource: StepKind<"retire-resource", RetireResource> = {
  kind: "retire-resource",
  risk: "safe",
  requires: ["drbdsetup"],
  title: ({ name }) => `Take ${mappingPath(name)} down as soon as nobody has it any more`,
  actions: ({ name }) => [{ verb: ["retire_device", name], shown: retiring(name) }],
  goals: () => [],
  effect: ({ name }, model) => retired(name, model),
};
