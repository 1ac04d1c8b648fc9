import type { HostState } from "../model/host-state.js";
import { makerOf, mappingAt, mappingPath } from "../model/mapping.js";
import type { DiskMove } from "./strategy.js";

/** How a reason begins that an earlier run, cut short in its mirror, left the guest on. */
export const SITS = "an earlier run took the guest onto";

/**
 * Why a mirror can not take over what another one began, or nothing: the device that the guest sits on has the image below it
 * for itself, and no second one can be laid over that.
 * @param name of the device that this mirror would have
 */
export function sitsElsewhere({ change: { domain, vdev } }: DiskMove, name: string, state: HostState): readonly string[] {
  const disk = state.domains[domain]?.running?.attached.find((attached) => attached.vdev === vdev);
  const found = disk === undefined ? undefined : mappingAt(disk.params, state);
  if (found === undefined || found.name === name) return [];
  return [`${SITS} ${mappingPath(found.name)}, and ${makerOf(found.name)} alone goes on from there`];
}
