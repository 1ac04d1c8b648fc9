import type { Carry } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import { formatApart } from "../model/bytes.js";
import { endInWords } from "../model/disk-end.js";
import { CARRY_BEGUN } from "../model/names.js";
import { notInFiles } from "../model/not-in-files.js";
import type { Volume } from "../model/storage.js";
import type { ReturnWish } from "./diff-return.js";
import type { Source } from "./return-source.js";

type Why = Pick<Diagnostic, "summary" | "detail" | "fix">;

/** How writes get back to the image; an object says why they can not. */
export function howToCarry(wish: ReturnWish, { image, format }: Source, volume: Volume): Carry | Why {
  // what was swap when it was moved may have been made a file system on the volume
  if (image.content.type === "swap" && volume.content?.type === "swap") return "swap";
  if (wish.carryBack === undefined) return "nothing";
  const cannot = (why: string, fix = "Choose --carry-back=blocks, or go back without it and keep the volume."): Why => ({
    summary: `what is on ${volume.name} can not be carried back to ${image.path}`, detail: why, fix,
  });
  if (format !== "raw") {
    return cannot(`it is a ${format} image: files and blocks would be written over its format`, "Go back without --carry-back, and keep the volume.");
  }
  const type = volume.content?.type ?? "unknown";
  const isFiles = isFilesystem(type) && type === image.content.type;
  // blocks that were cut off: the head says how large it is to become, and files can not be written to half of it
  const isCutOff = volume.tags.includes(CARRY_BEGUN) && "bytes" in image.content && image.bytes < image.content.bytes;
  // what is mirrored in the guest is the same block by block, and files would be written to each of its disks in another way
  const beside = [...(volume.content === undefined ? [] : notInFiles(volume.content)), ...(image.ends ?? []).map((mark) => `is a part of ${endInWords(mark)} of the guest's own`)];
  if (wish.carryBack === "blocks" || (wish.carryBack === "auto" && (!isFiles || isCutOff || beside.length > 0))) return "blocks";
  if (isCutOff) return cannot("an earlier carry by blocks was cut off: a part of its file system is missing");
  if (!isFiles) return cannot(`the volume holds ${type} and the image ${image.content.type}: files go between file systems of one type`);
  if (beside.length > 0) return cannot(`it ${beside.join("; it ")}`);
  const used = volume.content !== undefined && "usedBytes" in volume.content ? volume.content.usedBytes : 0;
  const room = "usedBytes" in image.content ? image.content.bytes : image.bytes;
  const [inUse, has] = formatApart(used, room);
  if (used > room) return cannot(`${inUse} are in use on it, and the image's file system has ${has}`);
  return "files";
}

function isFilesystem(type: string): boolean {
  return ["ext2", "ext3", "ext4", "xfs"].includes(type);
}
