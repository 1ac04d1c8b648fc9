import type { MoveOptions } from "../model/desired.js";
import { safeName } from "../model/names.js";
import type { Step } from "../model/step.js";
import type { ServedFormat } from "../model/storage.js";
import { deleteImage, retireImage } from "../steps/settle-source.js";
import type { LookedAt } from "../steps/settle-source.js";
import { settleVolume } from "../steps/settle-volume.js";
import { stepOf } from "../steps/step-of.js";
import { servedBy } from "./new-volume.js";
import type { DiskMove } from "./strategy.js";

/** What an image is called once it is retired. */
export function retiredName(image: string): string {
  return `${image}.retired`;
}

export interface Settled {
  readonly domain: string;
  readonly vdev: string;
  readonly volume: string;
  /** Unset where it is not known any more which image it was. */
  readonly image: string | undefined;
  readonly source: MoveOptions["source"] | undefined;
  /** How long it is to be kept where it is retired; unset where nobody says. */
  readonly keepForSeconds: MoveOptions["keepForSeconds"] | undefined;
  /** What its tags say that was not zeroed of it before. */
  readonly unzeroed?: number | undefined;
  /** Unset where its tag is right already. */
  readonly servedByQemu?: boolean | undefined;
  /** Unset where the tag of it is right already, or is not this run's to say. */
  readonly format?: ServedFormat | undefined;
  /** Set where another run than this has moved the guest off the image. */
  readonly looked?: LookedAt | undefined;
}

/**
 * What every strategy leaves for good: the image as the playbook says, and then the volume marked as the guest's
 * disk. In this order, for the mark says that nothing is left to do.
 */
export function settleSteps({ domain, vdev, volume, image, source, keepForSeconds, unzeroed, servedByQemu, format, looked }: Settled): readonly Step[] {
  const id = safeName(vdev);
  const again = looked === undefined ? {} : { looked };
  const settled = stepOf(
    settleVolume, "settle", `${id}.settle-volume`, {
      volume, domain, vdev, ...(unzeroed === undefined ? {} : { unzeroed }), ...(servedByQemu === undefined ? {} : { servedByQemu }),
      ...(format === undefined ? {} : { format }),
    },
    "it is the guest's disk from now on",
  );
  if (image === undefined) return [settled];
  switch (source ?? "keep") {
    case "keep":
      return [settled];
    case "retire":
      return [
        stepOf(
          retireImage, "settle", `${id}.retire-image`, {
            domain, vdev, volume, path: image, retired: retiredName(image), ...(keepForSeconds === undefined ? {} : { keepForSeconds }), ...again,
          },
          "nothing starts a stale image by mistake",
        ),
        settled,
      ];
    case "delete":
      return [stepOf(deleteImage, "settle", `${id}.delete-image`, { path: image, ...again }, "the playbook says source: delete"), settled];
  }
}

/** The same at the end of a move. */
export function settleMove({ change, options }: DiskMove, unzeroed: Pick<Settled, "unzeroed"> = {}): readonly Step[] {
  const { domain, vdev, image, to: { volume } } = change;
  return settleSteps({ domain, vdev, volume, image: image.realPath, source: options.source, keepForSeconds: options.keepForSeconds, ...unzeroed, ...servedBy(change) });
}
