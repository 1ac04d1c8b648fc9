import { numberOfLoop } from "../model/loop.js";
import { isAwaited, isUsed, mappingPath } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { withoutLoop, withoutMapping } from "../model/transform.js";
import { ENDING_TOOLS, traitsOf } from "./makers.js";

export interface ClearDevice {
  readonly name: string;
  /** The image that it lies on. */
  readonly image: string;
}

/**
 * A device that an earlier run laid over an image, and that its guest has left, or never came to: it was shut down and started from
 * its config. Whoever is to have the image next would find it in use, by that device and by the loop below it, and the link by which the
 * loop is known would keep the run's directory.
 */
export const clearDevice: StepKind<"clear-device", ClearDevice> = {
  kind: "clear-device",
  risk: "safe",
  requires: ["losetup", ...ENDING_TOOLS],
  needs: ({ name }) => ["losetup", traitsOf(name).end.tool],
  title: ({ name, image }) => `Remove ${mappingPath(name)}, which nobody has, and the loop device below it, from ${image}`,
  actions: ({ name }) => [
    { verb: ["clear_device", name], shown: `losetup --detach what it lies on; ${traitsOf(name).end.shown(name)}` },
  ],
  goals: () => [],
  effect: ({ name, image }, model) => {
    // not one by which a guest has the image
    const served = new Set(Object.values(model.host.domains).flatMap(({ running }) => running?.attached.map(({ devno }) => devno) ?? []));
    const loops = model.host.loops.filter((loop) => loop.backing === image && !served.has(numberOfLoop(loop)));
    return loops.reduce((at, { device }) => withoutLoop(at, device), withoutMapping(model, name));
  },
  refuses: ({ name }, model) => isUsed(name, model) || isAwaited(name, model),
};
