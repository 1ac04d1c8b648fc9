import type { Leg } from "../model/goal.js";
import { dropped, mappingPath, sectorsOf } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { withMapping } from "../model/transform.js";

export interface CreateResource {
  /** As {@link mappingPath} takes it: `drbd/converge-web1-xvda1`. */
  readonly name: string;
  readonly bytes: number;
  /** The image, by the loop device over it. */
  readonly leg: Leg;
  /** Device of the volume that the disk will be on: at a boot after the commit the resource has to lie on it. */
  readonly volume: string;
}

/**
 * A DRBD resource of one disk, for now the image, and its device the guest's disk. Its metadata lies in memory: image and
 * volume stay as they are, and nobody brings it up again after a reboot. A free minor is looked for on the host.
 */
export const createResource: StepKind<"create-resource", CreateResource> = {
  kind: "create-resource",
  risk: "safe",
  // drbdmeta and drbdadm come with it
  requires: ["drbdsetup", "losetup", "truncate"],
  modules: ["drbd"],
  title: ({ name, leg }) => `Make the DRBD device ${mappingPath(name)} on ${leg.disk}, with its metadata in memory`,
  actions: ({ name, bytes, leg }) => [
    {
      verb: ["make_resource", name, leg.device, String(sectorsOf(bytes))],
      shown: `drbdsetup new-resource, new-minor, attach ${leg.device} (losetup --find a scratch file, drbdmeta create-md flex-external, losetup --detach), primary --force; it takes no discards`,
    },
  ],
  goals: ({ name, leg }) => [{ goal: "resource", name, leg }],
  effect: ({ name, bytes, leg }, model) =>
    withMapping(model, { name, bytes, open: false, table: { kind: "linear", on: leg.disk } }),
  // a guest that runs on it goes on doing so: only its next start takes it elsewhere
  undo: ({ name, bytes, leg, volume }) => ({
    when: [],
    actions: [
      {
        verb: ["drop_device", name, String(sectorsOf(bytes)), leg.disk, volume],
        shown: `drbdsetup down ${mappingPath(name)}, unless the guest has it`,
      },
    ],
    effect: (model) => dropped({ name, bytes, image: leg.disk, volume }, model),
  }),
};
