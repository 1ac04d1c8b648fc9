import type { Leg } from "../model/goal.js";
import type { StepKind } from "../model/step.js";
import { linearTable } from "./create-mapping.js";
import { cutTo, retired } from "./legs.js";

export interface SwitchMapping {
  readonly domain: string;
  readonly name: string;
  readonly bytes: number;
  readonly leg: Leg;
  /** The guest runs on it; otherwise nobody does. */
  readonly running: boolean;
}

/** The commit of a mirrored disk: the mapping lies on the volume alone, and the image gets no more writes. */
export const switchMapping: StepKind<"switch-mapping", SwitchMapping> = {
  kind: "switch-mapping",
  risk: "safe",
  commits: ({ running }) => (running ? "running" : "offline"),
  requires: ["dmsetup"],
  title: ({ name, leg }) => `Let ${name} lie on ${leg.disk} alone: the commit`,
  // not flushed: writes that wait for a failed image go to the volume then, where a flush would fail them
  actions: ({ domain, name, bytes, leg, running }) => [
    { verb: ["mirror_whole", name], shown: `the volume below ${name} holds every write` },
    { command: ["dmsetup", "reload", name, "--table", linearTable(bytes, leg.device)] },
    { verb: ["commit_live", domain, running ? "running" : "offline", name, leg.device, "-"], command: ["dmsetup", "resume", "--noflush", name] },
  ],
  goals: ({ name, leg }) => [{ goal: "mapping", name, leg }],
  effect: ({ domain, name, bytes, leg }, model) => cutTo({ domain, name, bytes, to: leg }, model),
  // the new table may be loaded: whatever resumes the device on the way back would take it over, and with it the commit
  undo: ({ name }) => ({
    when: [],
    actions: [{ verb: ["forget_table", name], shown: `dmsetup clear ${name}: a table that was loaded and not taken over` }],
    effect: (model) => model,
  }),
};

export interface RetireMapping {
  readonly name: string;
}

/** The name goes with the guest's next start, which uses the volume itself; where nobody has it, at once. */
export const retireMapping: StepKind<"retire-mapping", RetireMapping> = {
  kind: "retire-mapping",
  risk: "safe",
  requires: ["dmsetup"],
  title: ({ name }) => `Let go of ${name} as soon as nobody has it any more`,
  actions: ({ name }) => [{ verb: ["retire_mapping", name], command: ["dmsetup", "remove", "--deferred", name] }],
  goals: () => [],
  effect: ({ name }, model) => retired(name, model),
};
