import type { Leg } from "../model/goal.js";
import { dropped, mappingPath, sectorsOf } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { withMapping } from "../model/transform.js";

export interface CreateArray {
  /** As {@link mappingPath} takes it: `md/converge-web1-xvda1`. */
  readonly name: string;
  readonly bytes: number;
  /** The image, by the loop device over it. */
  readonly leg: Leg;
  /** Device of the volume that the disk will be on: at a boot after the commit the array has to lie on it. */
  readonly volume: string;
}

/**
 * An md array of one member, for now the image. `--build` writes no superblock, so that image and volume stay as they
 * are, and so that nobody assembles the array again after a reboot (mdadm(8), BUILD MODE).
 */
export const createArray: StepKind<"create-array", CreateArray> = {
  kind: "create-array",
  risk: "safe",
  requires: ["mdadm"],
  modules: ["raid1"],
  title: ({ name, leg }) => `Build the array ${mappingPath(name)} on ${leg.disk}, without a superblock`,
  actions: ({ name, leg }) => [{ verb: ["build_array", name], command: buildCommand(name, leg.device) }],
  goals: ({ name, leg }) => [{ goal: "array", name, leg }],
  effect: ({ name, bytes, leg }, model) =>
    withMapping(model, { name, bytes, open: false, table: { kind: "linear", on: leg.disk } }),
  // a guest that runs on it goes on doing so: only its next start takes it elsewhere
  undo: ({ name, bytes, leg, volume }) => ({
    when: [],
    actions: [
      { verb: ["drop_device", name, String(sectorsOf(bytes)), leg.disk, volume], shown: `mdadm --stop ${mappingPath(name)}, unless the guest has it` },
    ],
    effect: (model) => dropped({ name, bytes, image: leg.disk, volume }, model),
  }),
};

function buildCommand(name: string, device: string): readonly [string, ...string[]] {
  return ["mdadm", "--build", mappingPath(name), "--level=1", "--raid-devices=1", "--force", device];
}
