import type { Domain } from "./domain.js";
import type { HostState } from "./host-state.js";
import type { Model } from "./model.js";
import { diskName, fnv1a, namesVolume, pathInDev, safeName } from "./names.js";
import { servedFrom } from "./qemu.js";
import type { Mapping } from "./storage.js";
import { diskKey, withMapping, withoutMapping } from "./transform.js";

/**
 * Names of block devices of converge's own, and what lies behind them. A device-mapper device is called as
 * device-mapper knows it (`converge-web1-xvda1`), any other as it is called in /dev (`md/converge-web1-xvda1`,
 * `drbd/converge-web1-xvda1`).
 */

/** A vdev holds no hyphen, so that different disks have different names. */
export function mappingName(domain: string, vdev: string): string {
  return `converge-${safeName(domain)}-${diskName(vdev)}`;
}

/** The mark by which a mapping is known for converge's. */
export function mappingUuid(name: string): string {
  return `CONVERGE-${name}`;
}

/** md takes names of at most 32 characters; a longer one is told apart by a hash. */
const LONGEST_ARRAY = 32;

/** The name of a disk's md array. */
export function arrayName(domain: string, vdev: string): string {
  const name = mappingName(domain, vdev);
  return `md/${name.length <= LONGEST_ARRAY ? name : `converge-${fnv1a(name)}`}`;
}

/** The kernel takes names of resources of at most 127 characters, and one of the two has a word more. */
const LONGEST_RESOURCE = 110;

/** The name of a disk's DRBD resource: `/dev/drbd/NAME` is a link of converge's own, for DRBD itself numbers its devices. */
export function resourceName(domain: string, vdev: string): string {
  const name = mappingName(domain, vdev);
  return `drbd/${name.length <= LONGEST_RESOURCE ? name : `converge-${fnv1a(name)}`}`;
}

/** What makes devices of converge's own, and how it has a disk's called; steps/makers.ts has what is done with them. */
const NAMES = { dm: mappingName, md: arrayName, drbd: resourceName } as const;

export type Maker = keyof typeof NAMES;

const MAKERS = Object.keys(NAMES) as readonly Maker[];

/** What makes a device of a name, by what the name begins with. */
export function makerOf(name: string): Maker {
  return MAKERS.find((maker) => name.startsWith(`${maker}/`)) ?? "dm";
}

/** Whether a mapping is of this guest's disks. */
export function isOf({ name: domain, config }: Domain, mapping: string): boolean {
  return config?.disks.some(({ vdev }) =>
    Object.values(NAMES).some((nameOf) => nameOf(domain, vdev) === mapping)) ?? false;
}

const MAPPER = "/dev/mapper/";

/** The path of a mapping's device: in /dev/mapper, or where its maker puts it (`md/NAME`, `drbd/NAME`). */
export function mappingPath(name: string): string {
  return name.includes("/") ? `/dev/${name}` : MAPPER + name;
}

/** The name that {@link mappingPath} makes this path of. */
export function nameOfPath(path: string): string {
  return path.startsWith(MAPPER) ? path.slice(MAPPER.length) : path.replace(/^\/dev\//, "");
}

/** Whether a path is that of a mapping of converge's, there or not. */
export function isOwnPath(path: string): boolean {
  return MAKERS.some((maker) => path.startsWith(mappingPath(maker === "dm" ? "converge-" : `${maker}/converge-`)));
}

/** The mapping that a path names, where it is one of converge's. */
export function mappingAt(path: string, { mappings }: Pick<HostState, "mappings">): Mapping | undefined {
  return mappings?.find((mapping) => mappingPath(mapping.name) === path);
}

/** The image by its path, or the volume as `vg/lv`, that a path of a guest's disk leads to, links included as far as they were looked at. */
export function diskAt(path: string, { devices }: Pick<HostState, "devices">): string {
  return devices?.[pathInDev(path)]?.volume ?? diskKey(path);
}

/**
 * Whether a path of a guest's disk, as in a config, means the volume `vg/lv`, by whichever name: LVM's own, udev's links, or the
 * number that device-mapper has given it.
 */
export function leadsTo(path: string, volume: string, state: Pick<HostState, "devices">): boolean {
  return namesVolume(path, volume) || diskAt(path, state) === volume;
}

/**
 * The disks (images by path, volumes as `vg/lv`) that a guest's disk of this path lies on: one, or the two legs of a
 * mirror, the complete one first.
 */
export function disksBehind(path: string, state: Pick<HostState, "mappings" | "devices">): readonly string[] {
  const table = mappingAt(path, state)?.table;
  if (table === undefined) return [diskAt(path, state)];
  return table.kind === "linear" ? [table.on] : [table.from, table.to];
}

/** Some guest has the mapping, or was saved on it and is restored onto it. */
export function isUsed(name: string, { host, ghost }: Model): boolean {
  const path = mappingPath(name);
  const guests = [...Object.values(host.domains).flatMap(({ running }) => running ?? []), ...Object.values(ghost.saved ?? {})];
  return guests.some(({ attached }) => attached.some((disk) => servedFrom(disk) === path));
}

/** A guest that runs comes up on the mapping when it reboots itself: xl has it stored. */
export function isAwaited(name: string, { host }: Model): boolean {
  const path = mappingPath(name);
  return Object.values(host.domains).some(({ running }) => running?.stored.some(({ target }) => target === path) ?? false);
}

/**
 * In the model, the undo of a mapping's creation. What an earlier run made for a guest's own reboot stays for that. One that a guest was saved on has to be there again before the guest is
 * restored, on the leg that is complete.
 */
export function dropped({ name, bytes, image, volume }: { readonly name: string; readonly bytes: number; readonly image: string; readonly volume: string }, model: Model): Model {
  if (!isUsed(name, model)) return isAwaited(name, model) ? model : withoutMapping(model, name);
  if (model.host.mappings?.some((mapping) => mapping.name === name) ?? false) return model;
  const committed = model.ghost.committed.some((guest) => {
    const domain = model.host.domains[guest];
    return domain !== undefined && isOf(domain, name);
  });
  return withMapping(model, { name, bytes, open: false, table: { kind: "linear", on: committed ? diskKey(volume) : image } });
}

/** How many sectors of 512 bytes, which is what device-mapper counts in. */
export function sectorsOf(bytes: number): number {
  return bytes / 512;
}
