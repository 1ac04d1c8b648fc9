import type { MoveDisk } from "../model/change.js";
import { SERVED_BY_QEMU, safeName, sourceTags, volumeTags } from "../model/names.js";
import type { Step } from "../model/step.js";
import { createVolume } from "../steps/create-volume.js";
import { stepOf } from "../steps/step-of.js";

/** The volume that a disk goes to, whoever carries it, with all that a rollback has to know in its tags. */
export function newVolume(change: MoveDisk): Step {
  const { domain, vdev, image, to: { volume, bytes, extentBytes } } = change;
  return stepOf(
    createVolume, "prepare", `${safeName(vdev)}.create-volume`,
    {
      volume, bytes, extentBytes, tags: [...volumeTags(domain, vdev, "copy"), ...sourceTags(image.path)],
      ...(isServedByQemu(change) ? { marks: [SERVED_BY_QEMU] } : {}),
    },
    "the disk's new place",
  );
}

/** What the tags of a volume that was there already lack, or have too much, of who served the image. */
export function servedBy(change: MoveDisk): { readonly servedByQemu?: boolean } {
  const is = isServedByQemu(change);
  return !change.to.begun || is === (change.to.servedByQemu === true) ? {} : { servedByQemu: is };
}

/** The config says so. Images of other formats than raw nobody else can serve, and that needs no mark. */
function isServedByQemu({ from }: MoveDisk): boolean {
  return from.backendtype === "qdisk" && from.format === "raw";
}
