import type { Leg } from "../model/goal.js";
import { isAwaited, isUsed } from "../model/mapping.js";
import type { Model } from "../model/model.js";
import { withOverwritten } from "../model/recycled.js";
import type { Content, MappingTable } from "../model/storage.js";
import { withDisk, withGhost, withMapping, withVolume, withoutMapping } from "../model/transform.js";

/** What every mirror under a name of converge's own does to the model, whoever in the kernel makes it. */

export interface Legs {
  readonly name: string;
  readonly bytes: number;
  /** The image. */
  readonly from: Leg;
  /** The volume. */
  readonly to: Leg;
}

/** Both get every write from here on, and the volume holds half a copy. */
export function mirroring(legs: Legs, model: Model): Model {
  return withDisk(joined(legs, model), legs.to.disk, { writes: -1, deceptive: false, consistent: false });
}

/** Both get every write from here on, and the volume holds what it held. */
export function joined({ name, bytes, from, to }: Legs, model: Model): Model {
  return withTable(model, name, bytes, { kind: "mirror", from: from.disk, to: to.disk, inSync: false });
}

/** The undo of {@link mirroring}: the complete one alone. Nothing where there is no mirror any more. */
export function collapsed({ domain, name, bytes, from, to }: Legs & { readonly domain: string }, model: Model): Model {
  if (!(model.host.mappings?.some((mapping) => mapping.name === name) ?? false)) return model;
  // the volume alone needs no bitmap
  if (model.ghost.committed.includes(domain)) return cutMapping({ name, bytes, to }, model);
  return withTable(model, name, bytes, { kind: "linear", on: from.disk });
}

/**
 * @param content what is in the image, and so on the volume
 * @param marked what was not in use was not copied: the volume holds there what it held
 */
export function inSync(legs: Legs & { readonly content: Content; readonly marked?: true }, model: Model): Model {
  const holds = model.ghost.disks[legs.from.disk];
  const synced = takenForEqual(legs, model);
  const filled = legs.marked === true ? synced : withOverwritten(synced, legs.to.disk, "head");
  return holds === undefined ? filled : withDisk(filled, legs.to.disk, holds);
}

/** The mirror is in sync by its own word: what the volume holds is another matter. */
export function takenForEqual({ name, bytes, from, to, content }: Legs & { readonly content: Content }, model: Model): Model {
  const synced = withTable(model, name, bytes, { kind: "mirror", from: from.disk, to: to.disk, inSync: true });
  const volume = synced.host.volumes[to.disk];
  return volume === undefined ? synced : withVolume(synced, { ...volume, content });
}

/** The commit: the volume alone, and the image gets no more writes. */
export function cutTo({ domain, name, bytes, to }: Pick<Legs, "name" | "bytes" | "to"> & { readonly domain: string }, model: Model): Model {
  const on = cutMapping({ name, bytes, to }, model);
  return withGhost(on, { committed: [...on.ghost.committed, domain] });
}

function cutMapping({ name, bytes, to }: Pick<Legs, "name" | "bytes" | "to">, model: Model): Model {
  return withMapping(model, { name, bytes, open: isUsed(name, model), table: { kind: "linear", on: to.disk } });
}

/** It goes as soon as nobody has it any more; but not from under a guest that comes up on it when it reboots itself. */
export function retired(name: string, model: Model): Model {
  const found = model.host.mappings?.find((mapping) => mapping.name === name);
  if (found === undefined || isAwaited(name, model)) return model;
  return isUsed(name, model) ? withMapping(model, { ...found, deferred: true }) : withoutMapping(model, name);
}

function withTable(model: Model, name: string, bytes: number, table: MappingTable): Model {
  const found = model.host.mappings?.find((mapping) => mapping.name === name);
  return withMapping(model, { name, bytes, open: found?.open ?? false, ...(found?.bitmap === true ? { bitmap: true } : {}), table });
}
