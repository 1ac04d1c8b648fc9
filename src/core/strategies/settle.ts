import { safeName } from "../model/names.js";
import type { Step } from "../model/step.js";
import { deleteImage, retireImage } from "../steps/settle-source.js";
import { settleVolume } from "../steps/settle-volume.js";
import { stepOf } from "../steps/step-of.js";
import type { DiskMove } from "./strategy.js";

/** What every strategy leaves for good: the volume marked as the guest's disk, and the image as the playbook says. */
export function settleSteps({ change, options }: DiskMove): readonly Step[] {
  const { domain, vdev, to, image } = change;
  const settled = stepOf(
    settleVolume, "settle", `${safeName(vdev)}.settle-volume`, { volume: to.volume, domain, vdev },
    "it is the guest's disk from now on",
  );
  const path = image.path;
  switch (options.source ?? "keep") {
    case "keep":
      return [settled];
    case "retire":
      return [
        settled,
        stepOf(
          retireImage, "settle", `${safeName(vdev)}.retire-image`, { path, retired: `${path}.retired` },
          "nothing starts a stale image by mistake",
        ),
      ];
    case "delete":
      return [settled, stepOf(deleteImage, "settle", `${safeName(vdev)}.delete-image`, { path }, "the playbook says source: delete")];
  }
}
