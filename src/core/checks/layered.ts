import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import type { BlockDevice, Image, Layer, Volume } from "../model/storage.js";
import { pathInDev } from "./users.js";

/** What is about to be given up, or written to. */
export type GivenUp = Pick<Image, "inode" | "devno"> | Pick<Volume, "devno">;

/**
 * A disk of the guest's of which a part lies in files that no config names, as that of a clone that somebody has made over the image of
 * another guest (`qemu-img create -b`): the one that is given up may be one of them. The heads of these files say which they are, as far
 * as they name files; while the guest runs its QEMU has them open, and says that as well, by names that need not be the ones known here
 * (`/srv/clones/../base.img`).
 * @returns which disk that is, and how to find out, in words
 */
export function layeredDisk({ name, config, otherDisks = [], running }: Domain, { images, volumes, devices }: HostState, given: GivenUp): string | undefined {
  // what is served raw is not looked into, whatever its guest has written to the head of it
  const named = [...(config?.disks ?? []), ...otherDisks, ...(running?.stored ?? [])]
    .filter(({ format, backend }) => format !== "raw" && backend === undefined).map(({ target }) => target);
  const isOpen = ({ path, realPath }: Image | BlockDevice): boolean => (running?.qemu?.nodes ?? []).some((node) => node.path === path || node.path === realPath);
  for (const target of new Set(named)) {
    const one = images[target] ?? devices?.[pathInDev(target)];
    if (one === undefined || !mayBeLayered(one)) continue;
    const found = one.disk?.layers?.files.find((layer) => isGiven(layer, given));
    if (found !== undefined) return `${target}, a disk of ${name}, is laid over ${found.path}`;
    if (isOpen(one)) continue;
    // what a QEMU has been told meanwhile stands in no head
    const layers = running === undefined ? one.disk?.layers : undefined;
    const untold = layers === undefined ? "" : layers.untold ?? unknownDevice(layers.files, volumes);
    if (untold === undefined) continue;
    return `a part of ${target}, a disk of ${name}, may lie in another file, and nobody knows in which: `
      + (untold === "" ? "" : `the heads lead to ${untold}; `)
      + (running === undefined ? `once ${name} runs, its QEMU says it; or let no config name that disk` : "no QEMU of it has said it");
  }
  return undefined;
}

/** The same of all guests: each may have a part of its disk in what is about to be given up, or written to. */
export function layeredDisks(state: HostState, given: GivenUp): readonly string[] {
  return Object.values(state.domains).flatMap((domain) => layeredDisk(domain, state, given) ?? []);
}

function isGiven(layer: Layer, given: GivenUp): boolean {
  if ("inode" in given) {
    return layer.rdevno === undefined && layer.inode === given.inode
      && (layer.devno === given.devno || (isAnonymous(layer.devno) && isAnonymous(given.devno)));
  }
  return layer.rdevno !== undefined && layer.rdevno === given.devno;
}

/** Of a file system on no device of this host, as NFS: mounted twice, it has two such numbers. */
function isAnonymous(devno: string): boolean {
  return devno.startsWith("0:");
}

/** A loop device, a mapping: what lies below it may be anything. Of a volume that is known. */
function unknownDevice(files: readonly Layer[], volumes: HostState["volumes"]): string | undefined {
  const known = new Set(Object.values(volumes).flatMap(({ devno }) => devno ?? []));
  return files.find(({ rdevno }) => rdevno !== undefined && !known.has(rdevno))?.path;
}

/** Of what is no raw image, and of a format whose head nobody can read, that is not known. */
function mayBeLayered({ format = "raw", disk }: Image | BlockDevice): boolean {
  return format !== "raw" && disk?.backed !== false;
}
