import { goesOn } from "../model/change.js";
import type { MoveDisk } from "../model/change.js";
import type { Step } from "../model/step.js";
import { sourceTags, safeName, volumeTags } from "../model/names.js";
import { attachLoop } from "../steps/attach-loop.js";
import { createVolume } from "../steps/create-volume.js";
import { stepOf } from "../steps/step-of.js";
import { zeroVolume } from "../steps/zero-volume.js";
import type { DiskMove } from "./strategy.js";

/** A volume for blocks, whoever carries them; one that an earlier run has begun to fill is not zeroed again. */
export function newVolumeSteps({ to, image, domain, vdev }: MoveDisk): readonly Step[] {
  const id = (name: string): string => `${safeName(vdev)}.${name}`;
  return [
    stepOf(
      createVolume, "prepare", id("create-volume"),
      {
        volume: to.volume, bytes: to.bytes, extentBytes: to.extentBytes,
        tags: [...volumeTags(domain, vdev, "copy"), ...sourceTags(image.path)],
      },
      "the disk's new place",
    ),
    ...(goesOn(to, "blocks")
      ? []
      : [stepOf(zeroVolume, "prepare", id("zero-volume"), { volume: to.volume, fill: "blocks" }, "nothing of an older guest may be left on it")]),
  ];
}

/**
 * What comes first wherever the kernel mirrors blocks: the volume, and the image as a block device.
 * @param under the device of converge's own that will lie on the image
 */
export function blockCopySteps({ change, paths }: DiskMove, under: string): readonly Step[] {
  return [
    ...newVolumeSteps(change),
    stepOf(
      attachLoop, "prepare", `${safeName(change.vdev)}.attach-image`, { link: paths.link, file: change.image.path, under },
      "the mirror reads the image by it",
    ),
  ];
}
