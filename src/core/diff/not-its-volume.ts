import type { Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { leadsTo } from "../model/mapping.js";
import { CARRY_DONE, volumeTags } from "../model/names.js";
import type { ReturnWish } from "./diff-return.js";

/**
 * The config names a volume of converge's own whose tags say something else: the guest was renamed, or it had left that
 * volume and somebody has brought it back by hand. There may be a way back, and silence would say that there is none.
 */
export function notIts(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, state: HostState): Diagnostic | undefined {
  const volume = Object.values(state.volumes).find(({ name, tags }) => leadsTo(disk.target, name, state) && tags.includes("converge"));
  if (volume === undefined) return undefined;
  const wanted = volumeTags(domain.name, disk.vdev, "disk");
  const tags = volume.tags.filter((tag) => tag.startsWith("converge."));
  // what it holds is not on the image any more once the guest has gone on on it
  const wrong = tags.filter((tag) => tag === CARRY_DONE || (/^converge\.(domain|disk|role)=/.test(tag) && !wanted.includes(tag)));
  const missing = wanted.filter((tag) => !volume.tags.includes(tag));
  const retag = [...wrong.map((tag) => `--deltag ${tag}`), ...missing.map((tag) => `--addtag ${tag}`)].join(" ");
  return {
    severity: "error", code: "not-its-volume", at: wish.at,
    summary: `${disk.vdev} of ${domain.name} is on ${volume.name}, which is not marked as that disk`,
    detail: `it is tagged ${tags.join(", ")}: the guest was renamed, or its config was put back by hand`,
    fix: `If it is its disk, say so, and plan again: lvchange ${retag} ${volume.name}`,
  };
}
