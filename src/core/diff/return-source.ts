import type { ReturnDisk } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { FileIdentity, HostState, RetiredImage } from "../model/host-state.js";
import { CARRY_BEGUN, booksDirectory, formatOfTags, formatTag, sourceOfTags } from "../model/names.js";
import { otherFileSystem } from "../model/storage.js";
import type { Content, Image, ServedFormat, Volume } from "../model/storage.js";
import { sameVdev } from "../xl/vdev.js";
import type { ReturnWish } from "./diff-return.js";
import { movedAt } from "./finish-return.js";
import { foundByMove } from "./found-by-move.js";

/** The image that a disk came from, as it lies on the host now. */
export type Source = Pick<ReturnDisk, "image" | "path" | "format" | "retired">;

interface Found extends Omit<Source, "format"> {
  /** What the books say of it, where it was retired. */
  readonly file?: FileIdentity;
}

/**
 * The image that a disk came from, where it is there still, is that one, and its guest had it in a format that is known.
 * @param disk as the guest's config has it now, on `volume`
 * @returns why there is no way back to it, otherwise
 */
export function findSource(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, volume: Volume, state: HostState): Source | Diagnostic {
  const found = lookFor(wish, disk, domain, volume, state);
  if ("severity" in found) return found;
  const { image } = found;
  const changed = (detail: string): Diagnostic => ({
    severity: "error", code: "source-changed", at: wish.at,
    summary: `${image.path} is not the image any more that ${disk.vdev} of ${domain.name} came from`, detail,
    fix: "Look at what it is, and where the image has gone. Without it there is no way back; the guest stays on its volume.",
  });
  const differs = otherFile(found, volume, state);
  if (differs !== undefined) return changed(differs);
  const format = formatOf(image, volume);
  if (format === undefined) {
    return {
      severity: "error", code: "source-format", at: wish.at, summary: `nobody has written down as what ${domain.name} had ${image.path} for ${disk.vdev}`,
      detail: `it looks like ${formInWords(image)}; if it was a raw one, its guest may have written that head, to have QEMU open other files of Dom0`,
      fix: `Go by what the config said before the move (${booksDirectory(domain.name)}/runs/*/config.before, a backup), not by what the image looks `
        + `like. Where it named no format there, it was raw: lvchange --addtag ${formatTag("raw")} ${volume.name}`,
    };
  }
  const other = otherForm(image, format);
  if (other !== undefined) return changed(other);
  const { path, retired } = found;
  return { image, path, format, ...(retired === undefined ? {} : { retired }) };
}

/** How it is seen that it is another file than the one that the guest left; undefined where it may well be that one. */
function otherFile({ image, path, file }: Found, volume: Volume, state: HostState): string | undefined {
  // an earlier carry has written to it: it is as large and as old as that has made it
  const written = volume.tags.includes(CARRY_BEGUN);
  if (file !== undefined && image.inode !== file.inode) return "the books say that another file was retired under this name";
  if (file !== undefined && !written && (image.bytes !== file.bytes || image.mtime !== file.mtime)) {
    return "somebody has written to it since it was retired";
  }
  const [old, now] = [image.content, volume.content];
  // of what has no UUID only the file itself can tell, as the run found it that moved its guest off it; and what was retired may be
  // an older image, where that run has deleted its own
  const noted = file === undefined && "uuid" in old ? undefined : foundByMove(volume.name, (one) => one === path, state);
  if (noted !== undefined && noted.inode !== image.inode) return "the run that moved its guest off it found another file under this name";
  if (written || !otherFileSystem(old, now)) return undefined;
  return `it holds ${inWords(old)}, and ${volume.name} holds ${now === undefined ? "nothing" : inWords(now)}; if the guest has made its own anew, go back by hand`;
}

function inWords(content: Content): string {
  if ("uuid" in content) return `${content.type} ${content.uuid}`;
  return content.type === "partitions" ? `a table of partitions (${content.table})` : content.type;
}

/**
 * As a guest's config has to call it: as it did before the move, and not as its head looks, which is the guest's own where it is raw.
 * Undefined where an older move has not written that down, and it does not look raw: as raw nothing of it is read but what it is.
 */
function formatOf({ format }: Image, { tags }: Volume): ServedFormat | undefined {
  // blocks and files are only carried to raw images
  if (tags.includes(CARRY_BEGUN)) return "raw";
  return formatOfTags(tags) ?? (format === "raw" ? "raw" : undefined);
}

/** How it is seen that it is no image of this format, or one that no guest is moved from; undefined where it may well be one. */
function otherForm(image: Image, format: ServedFormat): string | undefined {
  if (format === "raw") return undefined;
  const { disk } = image;
  if (disk?.backed === true || disk?.encrypted === true) return `it is ${formInWords(image)}, and no guest is moved from such`;
  // a fixed VHD has its mark at the end, and looks raw
  if (image.format === format || (format === "vhd" && image.format === "raw")) return undefined;
  return `it is ${formInWords(image)}, and was a ${format} image`;
}

function formInWords({ format, disk }: Image): string {
  if (disk?.backed === true) return `a ${format} image of which a part lies in another file`;
  return disk?.encrypted === true ? `an encrypted ${format} image` : `a ${format} image`;
}

function lookFor(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, volume: Volume, state: HostState): Found | Diagnostic {
  const tagged = sourceOfTags(volume.tags);
  const record = recordOf(tagged, disk, domain, volume, state);
  const path = tagged ?? record?.path;
  const standing = path === undefined ? undefined : state.images[path];
  const retired = record === undefined ? undefined : state.images[record.retired];
  const since = movedAt(domain.name, volume, state);
  // of a move before the last one, which has kept its image
  const isOlder = record !== undefined && since !== undefined && record.at > 0 && record.at < since;
  if (path !== undefined && record !== undefined && retired !== undefined && !(isOlder && standing !== undefined)) {
    if (standing === undefined) {
      return {
        image: retired, path, retired: { at: record.retired, path: record.path }, ...(record.file === undefined ? {} : { file: record.file }),
      };
    }
    return {
      severity: "error", code: "source-name-taken", at: wish.at,
      summary: `${path} is another file now, and the image of ${disk.vdev} lies at ${record.retired}`,
      fix: `Move ${path} out of the way.`,
    };
  }
  if (path !== undefined && standing !== undefined) return { image: standing, path };
  return {
    severity: "error", code: "source-gone", at: wish.at,
    summary: `the image that ${disk.vdev} of ${domain.name} came from is not there any more`,
    detail: path === undefined ? "the volume does not say which it was" : `it was ${path}`,
    fix: "Without it there is no way back; the guest stays on its volume.",
  };
}

/**
 * The newest entry of the books; a volume that has another name by now is known by what its tag says. A guest that has another
 * name is known by both: its books lie under the old one.
 */
function recordOf(tagged: string | undefined, disk: ConfiguredDisk, domain: Domain, volume: Volume, state: HostState): RetiredImage | undefined {
  const all = (state.retired ?? []).filter((one) => sameVdev(one.vdev, disk.vdev) && state.images[one.retired] !== undefined);
  const records = all.filter((one) => one.domain === domain.name);
  return records.findLast((one) => one.volume === volume.name) ?? records.findLast((one) => one.path === tagged)
    ?? all.findLast((one) => one.volume === volume.name && one.path === tagged);
}
