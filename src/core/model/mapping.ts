import type { HostState } from "./host-state.js";
import type { Model } from "./model.js";
import { safeName } from "./names.js";
import { servedFrom } from "./qemu.js";
import type { Mapping } from "./storage.js";
import { diskKey } from "./transform.js";

/** Names of device-mapper devices of converge's own, and what lies behind them. */

/** A vdev holds no hyphen, so that different disks have different names. */
export function mappingName(domain: string, vdev: string): string {
  return `converge-${safeName(domain)}-${safeName(vdev)}`;
}

/** The mark by which a mapping is known for converge's. */
export function mappingUuid(name: string): string {
  return `CONVERGE-${name}`;
}

const DIRECTORY = "/dev/mapper/";

export function mappingPath(name: string): string {
  return DIRECTORY + name;
}

/** The mapping that a path names, where it is one of converge's. */
export function mappingAt(path: string, { mappings }: Pick<HostState, "mappings">): Mapping | undefined {
  if (!path.startsWith(DIRECTORY)) return undefined;
  const name = path.slice(DIRECTORY.length);
  return mappings?.find((mapping) => mapping.name === name);
}

/**
 * The disks (images by path, volumes as `vg/lv`) that a guest's disk of this path lies on: one, or the two legs of a
 * mirror, the complete one first.
 */
export function disksBehind(path: string, state: Pick<HostState, "mappings">): readonly string[] {
  const table = mappingAt(path, state)?.table;
  if (table === undefined) return [diskKey(path)];
  return table.kind === "linear" ? [table.on] : [table.from, table.to];
}

/** Some guest has the mapping, or was saved on it and is restored onto it. */
export function isUsed(name: string, { host, ghost }: Model): boolean {
  const path = mappingPath(name);
  const guests = [...Object.values(host.domains).flatMap(({ running }) => running ?? []), ...Object.values(ghost.saved ?? {})];
  return guests.some(({ attached }) => attached.some((disk) => servedFrom(disk) === path));
}

/** How many sectors of 512 bytes, which is what device-mapper counts in. */
export function sectorsOf(bytes: number): number {
  return bytes / 512;
}
