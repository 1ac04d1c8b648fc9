import { formatBytes, roundUpToExtent } from "../../model/bytes.js";
import type { DesiredDiskPattern } from "../../model/desired.js";
import type { HostState } from "../../model/host-state.js";
import { filledDisks } from "../facts-plans.js";
import type { Finding, Rule } from "../rule.js";

/** More than this share on top of what was asked for is no rounding that somebody expects. */
const MUCH = 0.1;
/** What vgcreate(8) takes where nothing is said: allocation/physical_extent_size in lvm.conf. */
const USUAL_EXTENT = 4 * 1024 ** 2;

export const roundedSize: Rule = {
  name: "rounded-size",
  about: "A size that LVM rounds up by more than a tenth, to whole extents.",
  severity: "warning",
  check: (project) => filledDisks(project).flatMap(({ domain, disk, host, state }): Finding[] => {
    const { bytes, sizeText } = disk;
    if (bytes === undefined || sizeText === undefined) return [];
    const extent = extentOf(domain, disk, state);
    const rounded = roundUpToExtent(bytes, extent ?? USUAL_EXTENT);
    if (rounded - bytes <= bytes * MUCH) return [];
    return [{
      at: disk.keyAt["size"] ?? disk.at, fix: `Write ${formatBytes(rounded).replace(" ", "")}, which is what it becomes`,
      summary: `'${sizeText.trim()}' becomes ${formatBytes(rounded)}: LVM takes whole extents of ${formatBytes(extent ?? USUAL_EXTENT)}`,
      ...(extent === undefined ? { detail: "The extents are taken to be of the usual size: nothing is recorded of the host." } : { subject: { host } }),
    }];
  }),
};

function extentOf(domain: string, disk: DesiredDiskPattern, state: HostState | undefined): number | undefined {
  const volume = disk.volume?.({ domain, vdev: disk.pattern }) ?? "";
  return state?.volumeGroups[volume.slice(0, Math.max(0, volume.indexOf("/")))]?.extentBytes;
}
