import type { HostState } from "./host-state.js";
import type { BitmapGhost, BlockCopy, Ghost, Model } from "./model.js";
import { withOverwritten } from "./recycled.js";
import type { Mapping } from "./storage.js";
import { withDisk, withGhost } from "./transform.js";

/**
 * Write-intent bitmaps in the model. What a bitmap and a copy of blocks are worth together is decided by numbers of
 * writes, so that a bitmap that came too late, or that somebody wrote around, leaves a volume that lacks writes.
 */

/** An array gets a bitmap, and knows of what is written by way of it from now on. */
export function withBitmap(model: Model, name: string, image: string): Model {
  const made = (model.ghost.bitmaps?.[name]?.made ?? 0) + 1;
  const missed = model.ghost.disks[image]?.writes ?? 0;
  return withGhost(model, { bitmaps: { ...model.ghost.bitmaps, [name]: { image, made, missed } } });
}

/** The bitmaps that arrays were found with: whoever looks at a host can not tell more than that they are there. */
export function bitmapsFound({ mappings }: HostState): Ghost["bitmaps"] {
  const found = (mappings ?? []).filter(({ bitmap }) => bitmap === true);
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(({ name, table }) =>
    [name, { image: table.kind === "linear" ? table.on : table.from, made: 0, missed: 0 }] as const));
}

/** A write of this number got to an image, by way of a device of converge's own or of none. */
export function notedIn(bitmaps: Ghost["bitmaps"], image: string, write: number, by: Mapping | undefined): Ghost["bitmaps"] {
  if (bitmaps === undefined) return undefined;
  return Object.fromEntries(Object.entries(bitmaps).map(([name, one]) =>
    [name, one.image !== image || (by?.name === name && by.bitmap === true) ? one : { ...one, missed: write }] as const));
}

/** All blocks of an image on a volume, some older and some newer: begun now, or gone on with where nothing was in between. */
export function withBlockCopy(model: Model, { name, image, volume, domid }: {
  readonly name: string; readonly image: string; readonly volume: string; readonly domid: number | undefined;
}): Model {
  const half = { writes: -1, deceptive: false, consistent: false } as const;
  // what the copy has read by then it would write over what the array has written since
  if (model.host.mappings?.find((mapping) => mapping.name === name)?.table.kind === "mirror") return withDisk(model, volume, half);
  const before = model.ghost.disks[volume]?.copied;
  const bitmap = bitmapOf(name, model)?.made;
  const now: BlockCopy = { since: model.ghost.disks[image]?.writes ?? 0, bitmap, bootId: model.host.host.bootId, domid };
  const goesOn = before !== undefined && bitmap !== undefined && before.bitmap === bitmap && before.bootId === now.bootId
    && domid !== undefined && before.domid === domid;
  return withDisk(model, volume, { ...half, copied: goesOn ? before : now });
}

/** md has copied what the bitmap names, and takes the volume for equal, be it so or not. */
export function withChangesCopied(model: Model, { name, image, volume }: {
  readonly name: string; readonly image: string; readonly volume: string;
}): Model {
  const holds = model.ghost.disks[image];
  const copied = model.ghost.disks[volume]?.copied;
  const bitmap = bitmapOf(name, model);
  const whole = holds !== undefined && copied !== undefined && bitmap !== undefined && bitmap.missed <= copied.since;
  // every block has been copied, be it early or late
  const written = copied === undefined ? model : withOverwritten(model, volume, "head");
  return withDisk(written, volume, whole ? holds : { writes: copied?.since ?? -1, deceptive: true, consistent: false });
}

function bitmapOf(name: string, { host, ghost }: Model): BitmapGhost | undefined {
  const has = host.mappings?.some((mapping) => mapping.name === name && mapping.bitmap === true) ?? false;
  return has ? ghost.bitmaps?.[name] : undefined;
}
