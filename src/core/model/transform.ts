import type { Domain, RunningDomain } from "./domain.js";
import type { DiskGhost, Ghost, Model } from "./model.js";
import type { HostState } from "./host-state.js";
import { volumeOfPath } from "./names.js";
import type { Loop, Mapping, Mount, Volume } from "./storage.js";

/** Small steps from one model to the next: effects are written in these. Nothing is changed in place. */

function host(model: Model, change: Partial<HostState>): Model {
  return { ...model, host: { ...model.host, ...change } };
}

function ghost(model: Model, change: Partial<Ghost>): Model {
  return { ...model, ghost: { ...model.ghost, ...change } };
}

/** A volume as it is now, be it new or another state of one that is there. */
export function withVolume(model: Model, volume: Volume): Model {
  return host(model, { volumes: { ...model.host.volumes, [volume.name]: volume } });
}

/** The volume is gone, and with it what was on it. */
export function withoutVolume(model: Model, name: string): Model {
  const { [name]: _gone, ...volumes } = model.host.volumes;
  const { [name]: _ghost, ...disks } = model.ghost.disks;
  const { [name]: _extents, ...recycled } = model.ghost.recycled ?? {};
  return ghost(host(model, { volumes }), { disks, ...(model.ghost.recycled === undefined ? {} : { recycled }) });
}

/** Takes extents from, or gives them back to, a volume group. */
export function withFreeExtents(model: Model, group: string, by: number): Model {
  const vg = model.host.volumeGroups[group];
  if (vg === undefined) return model;
  const changed = { ...vg, freeExtents: vg.freeExtents + by };
  return host(model, { volumeGroups: { ...model.host.volumeGroups, [group]: changed } });
}

/** One mount more. */
export function withMount(model: Model, mount: Mount): Model {
  return host(model, { mounts: [...model.host.mounts, mount] });
}

/** Nothing is mounted there any more, and files below it are not to be seen. */
export function withoutMount(model: Model, target: string): Model {
  const files = (model.ghost.files ?? []).filter((path) => !path.startsWith(`${target}/`));
  return ghost(host(model, { mounts: model.host.mounts.filter((m) => m.target !== target) }), { files });
}

/** One loop device more. */
export function withLoop(model: Model, loop: Loop): Model {
  return host(model, { loops: [...model.host.loops, loop] });
}

/** The loop device is gone. @param device as the model has it: /dev/loopN where it was observed, converge's link to it where a step of this plan attached it */
export function withoutLoop(model: Model, device: string): Model {
  return host(model, { loops: model.host.loops.filter((l) => l.device !== device) });
}

/** A device of converge's own as it is now, be it new or with another table. */
export function withMapping(model: Model, mapping: Mapping): Model {
  return host(model, { mappings: [...(withoutMapping(model, mapping.name).host.mappings ?? []), mapping] });
}

/** The device of converge's own is gone. */
export function withoutMapping(model: Model, name: string): Model {
  return host(model, { mappings: (model.host.mappings ?? []).filter((mapping) => mapping.name !== name) });
}

/** A guest as it is now. */
export function withDomain(model: Model, domain: Domain): Model {
  return host(model, { domains: { ...model.host.domains, [domain.name]: domain } });
}

/** The guest as running (or, with undefined, as down). */
export function withRunning(model: Model, name: string, running: RunningDomain | undefined): Model {
  const domain = model.host.domains[name];
  if (domain === undefined) return model;
  const { running: _was, ...rest } = domain;
  return withDomain(model, running === undefined ? rest : { ...rest, running });
}

/**
 * What a disk holds by now.
 * @param disk its {@link diskKey}
 */
export function withDisk(model: Model, disk: string, change: DiskGhost): Model {
  return ghost(model, { disks: { ...model.ghost.disks, [disk]: change } });
}

/** What no command prints, changed in part. */
export function withGhost(model: Model, change: Partial<Ghost>): Model {
  return ghost(model, change);
}

/** A small file of converge's own: a config beside the guest's, its saved memory. */
export function withFile(model: Model, path: string): Model {
  return ghost(model, { files: [...(model.ghost.files ?? []).filter((file) => file !== path), path] });
}

/** A small file of converge's own is gone. */
export function withoutFile(model: Model, path: string): Model {
  return ghost(model, { files: (model.ghost.files ?? []).filter((file) => file !== path) });
}

/** Image path or `vg/lv` of what a path in a config or a mount means: the key of {@link Ghost.disks}. */
export function diskKey(path: string): string {
  return volumeOfPath(path) ?? path;
}
