import { goesOn, takesAll } from "../model/change.js";
import type { MoveDisk } from "../model/change.js";
import type { Step } from "../model/step.js";
import { safeName } from "../model/names.js";
import { attachLoop } from "../steps/attach-loop.js";
import { stepOf } from "../steps/step-of.js";
import { priorityOf, zeroVolume } from "../steps/zero-volume.js";
import { newVolume } from "./new-volume.js";
import type { DiskMove } from "./strategy.js";

/**
 * How much of a disk is copied before the guest is on its volume: so many bytes, every block of them, or of its blocks only
 * those that are in use.
 */
export type Blocks = number | "used";

/** A volume for blocks, whoever carries them; one that an earlier run has begun to fill is not zeroed again. */
export function newVolumeSteps({ change, options }: DiskMove, blocks: Blocks): readonly Step[] {
  const { to, vdev } = change;
  const id = (name: string): string => `${safeName(vdev)}.${name}`;
  const { volume, bytes, unzeroed } = to;
  return [
    newVolume(change),
    ...(isReady(to, blocks)
      ? []
      : [
          stepOf(
            zeroVolume, "prepare", id("zero-volume"),
            {
              volume, bytes, fill: "blocks", ...(blocks === "used" ? {} : { copied: blocks }),
              ...(unzeroed === undefined ? {} : { unzeroed }), priority: priorityOf(options.throttle ?? {}),
            },
            "nothing of an older guest may be left on it",
          ),
        ]),
  ];
}

/** How many bytes {@link newVolumeSteps} zeroes. */
export function zeroedBytes({ to }: MoveDisk, blocks: Blocks): number {
  if (isReady(to, blocks)) return 0;
  return blocks === "used" ? to.bytes : Math.max(0, to.bytes - blocks);
}

/** What its tags say until the volume is settled of what was not zeroed before. */
export function unzeroedBy({ to }: MoveDisk, blocks: Blocks): { readonly unzeroed?: number } {
  const unzeroed = isReady(to, blocks) ? to.unzeroed : blocks === "used" ? undefined : blocks;
  return unzeroed === undefined ? {} : { unzeroed };
}

function isReady(to: MoveDisk["to"], blocks: Blocks): boolean {
  return blocks === "used" ? goesOn(to, "blocks") : takesAll(to, blocks);
}

/**
 * What comes first wherever the kernel mirrors blocks: the volume, and the image as a block device.
 * @param under the device of converge's own that will lie on the image
 */
export function blockCopySteps(move: DiskMove, under: string, blocks: Blocks): readonly Step[] {
  const { change, paths } = move;
  return [
    ...newVolumeSteps(move, blocks),
    stepOf(
      attachLoop, "prepare", `${safeName(change.vdev)}.attach-image`, { link: paths.link, file: change.image.path, under },
      "the mirror reads the image by it",
    ),
  ];
}
