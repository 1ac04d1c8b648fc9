import type { AttachedDisk, ConfiguredDisk, Domain } from "./domain.js";
import type { HostState } from "./host-state.js";
import type { Model } from "./model.js";
import { notedIn } from "./bitmap.js";
import { disksBehind, isUsed, mappingAt } from "./mapping.js";
import { servedFrom } from "./qemu.js";
import type { GuestQemu } from "./qemu.js";
import { diskBytes } from "./storage.js";
import { withGhost, withRunning } from "./transform.js";

/** What guests do, in the model: being built, starting, writing. */

/** A guest built from its config as it stands now, paused. */
export function builtFromConfig(model: Model, name: string): Model {
  return builtWith(model, name, model.host.domains[name]?.config?.disks ?? []);
}

/** A guest built, paused, from a config of its own that names these disks. */
export function builtWith(model: Model, name: string, disks: readonly ConfiguredDisk[]): Model {
  const config = model.host.domains[name]?.config;
  if (config === undefined) return model;
  return withRunning(model, name, {
    domid: 1 + Math.max(0, ...Object.values(model.host.domains).map((d) => d.running?.domid ?? 0)),
    uuid: config.uuid ?? "new", paused: true, memoryKiB: (config.memoryMiB ?? 0) * 1024,
    macs: Array.from({ length: config.networkCards }, () => "00:16:3e:00:00:01"),
    stored: disks, ...attachedWith(model, disks),
  });
}

/** A guest that is down is started from its config; one that runs is left alone. */
export function startedFromConfig(model: Model, name: string): Model {
  // xendomains brings it back from its save file: nobody starts it beside that
  if (model.ghost.saved?.[name] !== undefined) return model;
  const running = model.host.domains[name]?.running;
  if (running !== undefined && !running.paused) return model;
  const built = running === undefined ? builtFromConfig(model, name) : model;
  const now = built.host.domains[name]?.running;
  return now === undefined ? built : withRunning(built, name, { ...now, paused: false });
}

function attachedWith(
  { host }: Model, disks: readonly ConfiguredDisk[],
): { readonly attached: readonly AttachedDisk[]; readonly qemu?: GuestQemu } {
  const attached = disks.map((disk) => attachedAs(disk, host));
  const nodes = attached.flatMap(({ open }) => open ?? []);
  return { attached, ...(nodes.length === 0 ? {} : { qemu: { nodes, jobs: [] } }) };
}

/** A disk as it is attached when its guest is built: by QEMU where the config says so, as xen-block.c names its nodes. */
export function attachedAs(disk: ConfiguredDisk, { images }: Pick<HostState, "images">): AttachedDisk {
  const { vdev, target: path, format, backendtype } = disk;
  if (backendtype !== "qdisk") return { vdev, params: path, backend: "vbd", state: 4 };
  const driver = format === "vhd" ? "vpc" : format;
  const image = images[path];
  const bytes = image === undefined ? 0 : diskBytes(image);
  return { vdev, params: path, backend: "qdisk", state: 4, open: { node: `${vdev}-${driver}`, path, driver, bytes } };
}

/** A running guest reboots by itself: what it held back goes to its disks, and xl starts it from what it has stored. */
export function rebootedItself(model: Model, name: string): Model {
  const running = model.host.domains[name]?.running;
  if (running === undefined || running.paused) return model;
  const built = builtWith(guestFlushes(model, name), name, running.stored);
  const now = built.host.domains[name]?.running;
  const up = now === undefined ? built : withRunning(built, name, { ...now, paused: false });
  return withoutDeferred(up);
}

/** A running guest changes files and keeps what they hold in its memory for now: the new times get to disk, the data does not. */
export function guestHoldsBack(model: Model, name: string): Model {
  const running = model.host.domains[name]?.running;
  if (running === undefined || running.paused) return model;
  const buffered = { ...model.ghost.buffered };
  for (const { vdev } of running.attached) buffered[`${name}/${vdev}`] = (buffered[`${name}/${vdev}`] ?? 0) + 1;
  return withGhost(model, { buffered });
}

/** A guest brings what it held back to its disks, and knows then that it is safe. */
export function guestFlushes(model: Model, name: string): Model {
  const running = model.host.domains[name]?.running;
  if (model.ghost.buffered === undefined || running === undefined || running.paused) return model;
  const held = Object.entries(model.ghost.buffered).filter(([key]) => key.startsWith(`${name}/`));
  const only = { ...model, host: { ...model.host, domains: { [name]: model.host.domains[name] ?? noDomain(name) } } };
  const written = held.some(([, count]) => count > 0) ? guestWrites(only) : model;
  const buffered = { ...model.ghost.buffered, ...Object.fromEntries(held.map(([key]) => [key, 0] as const)) };
  return withGhost({ ...model, ghost: written.ghost }, { buffered });
}

function noDomain(name: string): Domain {
  return { name, otherConfigs: [], autostart: false, saved: false };
}

/** A guest that runs on the image holds writes back whose files' times are on the image already. */
export function holdsBack(model: Model, image: string): boolean {
  const { buffered } = model.ghost;
  if (buffered === undefined) return true;
  return Object.values(model.host.domains).some((domain) =>
    domain.running?.attached.some((disk) =>
      disksBehind(disk.params, model.host)[0] === image && (buffered[`${domain.name}/${disk.vdev}`] ?? 0) > 0) ?? false);
}

/**
 * Guests that write nothing. Where only the host is looked at, which steps find and make, writes say nothing: no goal and
 * no guard asks for them.
 */
export function guestsRest(model: Model): Model {
  return model;
}

/** In the model, a running guest writes to each of its disks and is told that the writes are safe. */
export function guestWrites(model: Model): Model {
  const disks = { ...model.ghost.disks };
  const acknowledged = { ...model.ghost.acknowledged };
  let bitmaps = model.ghost.bitmaps;
  for (const domain of Object.values(model.host.domains)) {
    if (domain.running === undefined || domain.running.paused) continue;
    for (const disk of domain.running.attached) {
      const [complete = "", other] = disksBehind(servedFrom(disk), model.host);
      const ghost = disks[complete];
      if (ghost === undefined || ghost.writes === Number.MAX_SAFE_INTEGER) continue;
      disks[complete] = { ...ghost, writes: ghost.writes + 1 };
      acknowledged[`${domain.name}/${disk.vdev}`] = ghost.writes + 1;
      bitmaps = notedIn(bitmaps, complete, ghost.writes + 1, mappingAt(servedFrom(disk), model.host));
      // a mirror's second leg gets each write too, which is of use only once it has all that was there before
      const second = other === undefined ? undefined : disks[other];
      if (other !== undefined && second?.consistent === true) disks[other] = { ...second, writes: ghost.writes + 1 };
    }
  }
  // what a clone makes of a disk is of no use to anybody
  for (const clone of model.ghost.clones ?? []) {
    for (const disk of clone.state === "runs" ? clone.disks : []) {
      const ghost = disks[disk];
      if (ghost !== undefined) disks[disk] = { writes: ghost.writes + 1, deceptive: true, consistent: false };
    }
  }
  return withGhost(model, { disks, acknowledged, ...(bitmaps === undefined ? {} : { bitmaps }) });
}

/** Mappings that were let go of while a guest had them. */
export function withoutDeferred(model: Model): Model {
  const { mappings } = model.host;
  if (mappings?.some((mapping) => mapping.deferred) !== true) return model;
  const left = mappings.filter(({ name, deferred }) => deferred !== true || isUsed(name, model));
  return { ...model, host: { ...model.host, mappings: left } };
}
