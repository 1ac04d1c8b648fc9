import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { pathInDev } from "../model/names.js";
import type { BlockDevice, Image, Layer, Volume } from "../model/storage.js";

/** What is about to be given up, or written to. */
export type GivenUp = Pick<Image, "inode" | "devno"> | Pick<Volume, "devno">;

/**
 * A disk of the guest's of which a part lies in files that no config names, as that of a clone that somebody has made over the image of
 * another guest (`qemu-img create -b`): the one that is given up may be one of them. The heads of these files say which they are, as far
 * as they name files; while the guest runs its QEMU has them open, and says that as well, by names that need not be the ones known here
 * (`/srv/clones/../base.img`).
 * @returns which disk that is, and how to find out, in words
 */
export function layeredDisk(domain: Domain, state: HostState, given: GivenUp): string | undefined {
  const { name, running } = domain;
  const over = diskOver(domain, state, given);
  if (over !== undefined) return over;
  const isOpen = ({ path, realPath }: Image | BlockDevice): boolean => (running?.qemu?.nodes ?? []).some((node) => node.path === path || node.path === realPath);
  for (const [target, one] of disksOfFormats(domain, state)) {
    if (isOpen(one)) continue;
    // what a QEMU has been told meanwhile stands in no head
    const layers = running === undefined ? one.disk?.layers : undefined;
    const untold = layers === undefined ? "" : layers.untold ?? unknownDevice(layers.files, state.volumes);
    if (untold === undefined) continue;
    return `a part of ${target}, a disk of ${name}, may lie in another file, and nobody knows in which: `
      + (untold === "" ? "" : `the heads lead to ${untold}; `)
      + (running === undefined ? `once ${name} runs, its QEMU says it; or let no config name that disk` : "no QEMU of it has said it");
  }
  return undefined;
}

/** A disk of the guest's that is laid over what is given up, by what the heads of its files say; in words. */
export function diskOver(domain: Domain, state: HostState, given: GivenUp): string | undefined {
  for (const [target, one] of disksOfFormats(domain, state)) {
    const found = one.disk?.layers?.files.find((layer) => isGiven(layer, given, state));
    if (found !== undefined) return `${target}, a disk of ${domain.name}, is laid over ${found.path}`;
  }
  return undefined;
}

/** The guest's disks that may be laid over others, by their targets. What is served raw is not looked into, whatever its guest has written to the head of it. */
function disksOfFormats({ config, otherDisks = [], running }: Domain, { images, devices }: HostState): readonly (readonly [string, Image | BlockDevice])[] {
  const named = [...(config?.disks ?? []), ...otherDisks, ...(running?.stored ?? [])]
    .filter(({ format, backend }) => format !== "raw" && backend === undefined).map(({ target }) => target);
  return [...new Set(named)].flatMap((target) => {
    const path = pathInDev(target);
    const one = images[path] ?? devices?.[path];
    return one === undefined || !mayBeLayered(one) ? [] : [[target, one] as const];
  });
}

/** The same of all guests: each may have a part of its disk in what is about to be given up, or written to. */
export function layeredDisks(state: HostState, given: GivenUp): readonly string[] {
  return Object.values(state.domains).flatMap((domain) => layeredDisk(domain, state, given) ?? []);
}

function isGiven(layer: Layer, given: GivenUp, state: HostState): boolean {
  if (!("inode" in given)) return layer.rdevno !== undefined && layer.rdevno === given.devno;
  return layer.rdevno === undefined && layer.inode === given.inode
    && (layer.devno === given.devno || (isShared(layer.devno, state) && isShared(given.devno, state)));
}

/** Whether it is a file system of another machine's: mounted twice, it may have two such numbers. */
function isShared(devno: string, { mounts }: HostState): boolean {
  return mounts.some((mount) => mount.devno === devno && /^(nfs4?|cifs|smb3|ceph|9p|virtiofs|fuse[.].*)$/.test(mount.type));
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
