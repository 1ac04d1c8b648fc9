import type { HostState } from "../model/host-state.js";
import { makerOf, mappingAt, mappingPath } from "../model/mapping.js";
import type { DiskMove } from "./strategy.js";
import { sameVdev } from "../xl/vdev.js";

/** How a reason begins that an earlier run, cut short in its mirror, left the guest on. */
export const SITS = "an earlier run took the guest onto";

/** The same of a guest that is still on its image, and whose own reboot is awaited. */
export const AWAITS = "an earlier run made the guest's own reboot take it onto";

/**
 * Why a mirror can not take over what another one began, or nothing: the device that the guest sits on, or comes up on when it
 * reboots itself, has the image below it for itself, and no second one can be laid over that.
 * @param name of the device that this mirror would have
 */
export function sitsElsewhere({ change: { domain, vdev } }: DiskMove, name: string, state: HostState): readonly string[] {
  const running = state.domains[domain]?.running;
  const why = (begins: string, path: string | undefined): readonly string[] => {
    const found = path === undefined ? undefined : mappingAt(path, state);
    if (found === undefined || found.name === name) return [];
    return [`${begins} ${mappingPath(found.name)}, and ${makerOf(found.name)} alone goes on from there`];
  };
  const sits = why(SITS, running?.attached.find((disk) => sameVdev(disk.vdev, vdev))?.params);
  return sits.length > 0 ? sits : why(AWAITS, awaitedOnto({ domain, vdev }, state));
}

/** The device of converge's own that xl has stored for a disk of a guest that runs: its own reboot takes it there. */
export function awaitedOnto({ domain, vdev }: Pick<DiskMove["change"], "domain" | "vdev">, state: HostState): string | undefined {
  const target = state.domains[domain]?.running?.stored.find((disk) => sameVdev(disk.vdev, vdev))?.target;
  return target !== undefined && mappingAt(target, state) !== undefined ? target : undefined;
}
