import { formatApart, formatBytes } from "../model/bytes.js";
import type { MoveDisk } from "../model/change.js";
import type { Fit } from "./strategy.js";

/** Why the blocks of a disk can not be mirrored by the kernel, whichever part of it does so; empty where they can. */
export function againstBlocks(change: MoveDisk): readonly string[] {
  const { image, to, wish } = change;
  const reasons: string[] = [...againstFormat(change)];
  if (to.bytes < image.bytes) {
    const [needed, asked] = formatApart(image.bytes, to.bytes);
    reasons.push(`blocks need a volume of at least ${needed}, and ${asked} is asked for`);
  }
  if (wish.filesystem !== undefined && wish.filesystem !== image.content.type) {
    reasons.push(`it holds ${image.content.type} and ${wish.filesystem} is asked for: blocks go as they are`);
  }
  return reasons;
}

/** What is not as asked for where blocks are carried: a file system comes as large as it was. */
export function asLarge({ image, to }: MoveDisk): Pick<Fit, "but"> {
  if (!("bytes" in image.content) || to.askedBytes === undefined || to.askedBytes === image.bytes || to.bytes === image.bytes) return {};
  return { but: [`${formatBytes(to.bytes)} are asked for, and blocks leave its ${image.content.type} at ${formatBytes(image.bytes)}`] };
}

/**
 * Why a loop device over the image is not the disk that the guest sees; empty where it is. Whoever serves the disk goes
 * by the config, and not every format has a mark at its head: a fixed VHD has its own at the end.
 */
export function againstFormat({ image, from }: MoveDisk): readonly string[] {
  if (image.format !== "raw") return [`it is a ${image.format} image, which no loop device reads`];
  if (from.format !== "raw") return [`its config says that it is ${from.format}, which no loop device reads`];
  return [];
}

/** Signatures, as a disk's content names them, that udev's rules take up on an array or a DRBD device as on a real disk. */
const STACKED = ["LVM physical volume", "member of an md array", "bcache device"];

/** The signature of an image's own that Dom0's udev would take up on a device over it that is not device-mapper's. */
export function takenUp({ image: { content } }: MoveDisk): string | undefined {
  const { hint = "" } = content.type === "unknown" ? content : {};
  return STACKED.find((name) => hint.includes(name));
}
