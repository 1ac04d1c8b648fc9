import type { HostState } from "../model/host-state.js";
import type { FoundDomain } from "./match.js";

/** Guests with the disks that their configs name; a CD-ROM is not a disk that moves. */
export function foundDomains(state: HostState): readonly FoundDomain[] {
  return Object.values(state.domains).map((domain) => ({
    name: domain.name,
    vdevs: (domain.config?.disks ?? []).filter((disk) => !disk.cdrom).map((disk) => disk.vdev),
  }));
}
