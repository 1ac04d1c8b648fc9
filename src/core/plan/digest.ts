import type { DesiredDomain } from "../model/desired.js";

/** Hex SHA-256 of a text's UTF-8 form: the core computes nothing of that kind itself. */
export type Sha256 = (text: string) => string;

/** Who wishes the same has the same digest, whatever the host looks like meanwhile: a run that is half-way included. */
export function wishDigest(desired: DesiredDomain, sha256: Sha256): string {
  const disks = desired.disks.map(({ vdev, volume, bytes, filesystem, move }) => ({
    vdev, volume, bytes: bytes ?? null, filesystem: filesystem ?? null, move,
  }));
  return sha256(JSON.stringify({ domain: desired.name, disks, ready: desired.ready ?? null, move: desired.move }));
}
