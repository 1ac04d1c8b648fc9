import type { MoveDisk } from "../model/change.js";
import { FORMATS_SERVED, SERVED_BY_QEMU, formatTag, safeName, sourceTags, volumeTags } from "../model/names.js";
import type { ServedFormat } from "../model/storage.js";
import type { Step } from "../model/step.js";
import { createVolume } from "../steps/create-volume.js";
import { stepOf } from "../steps/step-of.js";

/** The volume that a disk goes to, whoever carries it, with all that a rollback has to know in its tags. */
export function newVolume(change: MoveDisk): Step {
  const { domain, vdev, image, to: { volume, bytes, extentBytes } } = change;
  const format = formatSaid(change);
  return stepOf(
    createVolume, "prepare", `${safeName(vdev)}.create-volume`,
    {
      volume, bytes, extentBytes, tags: [...volumeTags(domain, vdev, "copy"), ...sourceTags(image.path)],
      marks: [...(format === undefined ? [] : [formatTag(format)]), ...(isServedByQemu(change) ? [SERVED_BY_QEMU] : [])],
    },
    "the disk's new place",
  );
}

/** What the tags of a volume that was there already lack, or have too much, of who served the image, and as what. */
export function servedBy(change: MoveDisk): { readonly servedByQemu?: boolean; readonly format?: ServedFormat } {
  const { to } = change;
  if (!to.begun) return {};
  const is = isServedByQemu(change);
  const format = formatSaid(change);
  return {
    ...(is === (to.servedByQemu === true) ? {} : { servedByQemu: is }),
    ...(format === undefined || format === to.format ? {} : { format }),
  };
}

/** By the config, which a guest can not write to, and not by the image, which it may have written the head of. */
function formatSaid({ from }: MoveDisk): ServedFormat | undefined {
  return FORMATS_SERVED.find((format) => format === from.format);
}

/** The config says so. Images of other formats than raw nobody else can serve, and that needs no mark. */
function isServedByQemu({ from }: MoveDisk): boolean {
  return from.backendtype === "qdisk" && from.format === "raw";
}
