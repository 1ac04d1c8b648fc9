import type { Leg } from "../model/goal.js";
import { dropped, mappingUuid, sectorsOf } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { withMapping } from "../model/transform.js";

export interface CreateMapping {
  readonly name: string;
  readonly bytes: number;
  /** The image, by the loop device over it. */
  readonly leg: Leg;
  /** Device of the volume that the disk will be on: at a boot after the commit the name has to lie on it. */
  readonly volume: string;
}

/** A name for the guest's disk, for now on its image alone: what lies below can then change while the guest runs. */
export const createMapping: StepKind<"create-mapping", CreateMapping> = {
  kind: "create-mapping",
  risk: "safe",
  requires: ["dmsetup"],
  title: ({ name, leg }) => `Create the mapping ${name} on ${leg.disk}`,
  actions: ({ name, bytes, leg }) => [
    { command: ["dmsetup", "create", name, "--uuid", mappingUuid(name), "--table", linearTable(bytes, leg.device)] },
  ],
  goals: ({ name, leg }) => [{ goal: "mapping", name, leg }],
  effect: ({ name, bytes, leg }, model) =>
    withMapping(model, { name, bytes, open: false, table: { kind: "linear", on: leg.disk } }),
  // a guest that runs on it goes on doing so: only its next start takes it elsewhere
  undo: ({ name, bytes, leg, volume }) => ({
    when: [],
    actions: [
      {
        verb: ["drop_mapping", name, String(sectorsOf(bytes)), leg.disk, volume],
        shown: `dmsetup remove ${name}, unless the guest has it`,
      },
    ],
    effect: (model) => dropped({ name, bytes, image: leg.disk, volume }, model),
  }),
};

/** The kernel's `linear` target, whole device from its beginning (Documentation/admin-guide/device-mapper/linear.rst). */
export function linearTable(bytes: number, device: string): string {
  return `0 ${sectorsOf(bytes)} linear ${device} 0`;
}
