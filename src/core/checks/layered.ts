import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import type { Image } from "../model/storage.js";

/**
 * A disk of the guest's of which a part lies in files that no config names, as that of a clone that somebody has made over the image of
 * another guest (`qemu-img create -b`): any image may be one of them. While the guest runs its QEMU has them open, and says which.
 * @returns which disk that is, and how to find out, in words
 */
export function layeredDisk({ name, config, otherDisks = [], running }: Domain, { images }: HostState): string | undefined {
  // what is served raw is not looked into, whatever its guest has written to the head of it
  const named = [...(config?.disks ?? []), ...otherDisks, ...(running?.stored ?? [])]
    .filter(({ format, backend }) => format !== "raw" && backend === undefined).map(({ target }) => target);
  const isOpen = ({ path, realPath }: Image): boolean => (running?.qemu?.nodes ?? []).some((node) => node.path === path || node.path === realPath);
  const layered = named.find((target) => {
    const image = images[target];
    return image !== undefined && mayBeLayered(image) && !isOpen(image);
  });
  if (layered === undefined) return undefined;
  return `a part of ${layered}, a disk of ${name}, may lie in another file, and nobody knows in which: `
    + (running === undefined ? `once ${name} runs, its QEMU says it; or let no config name that disk` : "no QEMU of it has said it");
}

/** The same of all guests: each may have a part of its disk in whatever is about to be given up, or written to. */
export function layeredDisks(state: HostState): readonly string[] {
  return Object.values(state.domains).flatMap((domain) => layeredDisk(domain, state) ?? []);
}

/** Of what is no raw image, and of a format whose head nobody can read, that is not known. */
function mayBeLayered({ format, disk }: Image): boolean {
  return format !== "raw" && disk?.backed !== false;
}
