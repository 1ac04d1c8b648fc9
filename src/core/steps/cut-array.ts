import { mappingPath } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { cutTo, retired } from "./legs.js";
import type { Legs } from "./legs.js";
import { retiring } from "./makers.js";

export interface CutArray extends Legs {
  readonly domain: string;
  /** The guest runs on it; otherwise nobody does. */
  readonly running: boolean;
}

/** The commit of a disk mirrored by md: the image is taken out, and gets no more writes. */
export const cutArray: StepKind<"cut-array", CutArray> = {
  kind: "cut-array",
  risk: "safe",
  commits: ({ running }) => (running ? "running" : "offline"),
  requires: ["mdadm"],
  title: ({ name, from, to }) => `Take ${from.disk} out of ${mappingPath(name)}, which leaves ${to.disk}: the commit`,
  actions: ({ domain, name, from, to, running }) => [
    // the kernel takes the last member for broken where it is failed, and then fails every write (md.c, MD_BROKEN)
    { verb: ["both_in_sync", name, from.device, to.device], shown: `both members of ${mappingPath(name)} are in sync` },
    {
      verb: ["commit_live", domain, running ? "running" : "offline", name, to.device, from.device],
      command: ["mdadm", mappingPath(name), "--fail", from.device],
    },
    {
      verb: ["remove_member", name, from.device],
      command: ["mdadm", mappingPath(name), "--remove", from.device],
    },
    {
      verb: ["one_member", name], command: ["mdadm", "--grow", mappingPath(name), "--raid-devices=1", "--force"],
      also: "first, where it has a bitmap: echo none > bitmap/location; rm -f the bitmap and what was kept beside it",
    },
  ],
  goals: ({ name, to }) => [{ goal: "array", name, leg: to }],
  effect: cutTo,
};

export interface RetireArray {
  readonly name: string;
}

/** The array goes with the guest's next start, which uses the volume itself; where nobody has it, at once. */
export const retireArray: StepKind<"retire-array", RetireArray> = {
  kind: "retire-array",
  risk: "safe",
  requires: ["mdadm"],
  title: ({ name }) => `Stop ${mappingPath(name)} as soon as nobody has it any more`,
  actions: ({ name }) => [{ verb: ["retire_device", name], shown: retiring(name) }],
  goals: () => [],
  effect: ({ name }, model) => retired(name, model),
};
