import { fillOf, unzeroedOf } from "./names.js";
import type { Model, Recycled } from "./model.js";
import type { Volume } from "./storage.js";
import { withGhost } from "./transform.js";

/** What lies on a volume still from before LVM handed its extents out, in the model: no guest may ever get to see it. */

/** Extents that belonged to somebody. */
export function withRecycled(model: Model, volume: string): Model {
  return withParts(model, volume, { head: true, tail: true });
}

/** All of a part, or of both, has been written over. */
export function withOverwritten(model: Model, volume: string, ...parts: readonly (keyof Recycled)[]): Model {
  const before = model.ghost.recycled?.[volume];
  if (before === undefined) return model;
  return withParts(model, volume, { head: before.head && !parts.includes("head"), tail: before.tail && !parts.includes("tail") });
}

/** A copy in the making whose run nobody remembers: what its tags say. */
export function withRecycledByTags(model: Model, { name, tags }: Pick<Volume, "name" | "tags">): Model {
  if (fillOf(tags) !== undefined) return model;
  return withParts(model, name, { head: true, tail: unzeroedOf(tags) === undefined });
}

/** It holds something of somebody else's still, be it in one part. */
export function isRecycled({ ghost }: Model, volume: string, part?: keyof Recycled): boolean {
  const found = ghost.recycled?.[volume];
  return found !== undefined && (part === undefined || found[part]);
}

function withParts(model: Model, volume: string, parts: Recycled): Model {
  const { [volume]: _before, ...others } = model.ghost.recycled ?? {};
  return withGhost(model, { recycled: parts.head || parts.tail ? { ...others, [volume]: parts } : others });
}
