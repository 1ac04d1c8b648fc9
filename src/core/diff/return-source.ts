import type { ReturnDisk } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { CARRY_BEGUN, sourceOfTags } from "../model/names.js";
import type { Image, ServedFormat, Volume } from "../model/storage.js";
import { sameVdev } from "../xl/vdev.js";
import type { ReturnWish } from "./diff-return.js";

/** The image that a disk came from, as it lies on the host now. */
export type Source = Pick<ReturnDisk, "image" | "path" | "format" | "retired">;

type Found = Omit<Source, "format">;

export function findSource(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, volume: Volume, state: HostState): Source | Diagnostic {
  const found = lookFor(wish, disk, domain, volume, state);
  if ("severity" in found) return found;
  const { image } = found;
  const changed = (detail: string): Diagnostic => ({
    severity: "error", code: "source-changed", at: wish.at,
    summary: `${image.path} is not the image any more that ${disk.vdev} of ${domain.name} came from`, detail,
    fix: "Look at what it is. Without the image there is no way back; the guest stays on its volume.",
  });
  const format = formatOf(image, volume);
  if (format === undefined) return changed(`it is ${formInWords(image)}, and no guest is moved from such`);
  return { ...found, format };
}

/** As a guest's config has to call it; undefined for what no guest is moved from. */
function formatOf({ format, disk }: Image, { tags }: Volume): ServedFormat | undefined {
  // blocks are only carried to raw images, and their head is the guest's own
  if (tags.includes(CARRY_BEGUN)) return "raw";
  if (disk?.backed === true || disk?.encrypted === true) return undefined;
  return format === "raw" || format === "qcow2" || format === "vhd" ? format : undefined;
}

function formInWords({ format, disk }: Image): string {
  if (disk?.backed === true) return `a ${format} image of which a part lies in another file`;
  return disk?.encrypted === true ? `an encrypted ${format} image` : `a ${format} image`;
}

function lookFor(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, volume: Volume, state: HostState): Found | Diagnostic {
  const record = state.retired?.findLast((one) =>
    one.domain === domain.name && sameVdev(one.vdev, disk.vdev) && one.volume === volume.name && state.images[one.retired] !== undefined);
  const path = sourceOfTags(volume.tags) ?? record?.path;
  const standing = path === undefined ? undefined : state.images[path];
  const retired = record === undefined ? undefined : state.images[record.retired];
  if (path !== undefined && record !== undefined && retired !== undefined) {
    if (standing === undefined) return { image: retired, path, retired: { at: record.retired, path: record.path } };
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
