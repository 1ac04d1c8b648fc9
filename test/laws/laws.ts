import { disksBehind, isOf, isUsed, mappingPath } from "../../src/core/model/mapping.js";
import type { Model } from "../../src/core/model/model.js";
import { RUN } from "../../src/core/model/names.js";
import { servedFrom } from "../../src/core/model/qemu.js";
import { isRecycled } from "../../src/core/model/recycled.js";
import type { Scene } from "./generated.js";

/**
 * What holds at every instant, whatever was planned and however it was cut short. Each throws with words that say
 * where: these are asked millions of times, and an assertion library takes its time.
 */

/** Whatever starts the guest next finds all that the guest was told is safe. */
export function safeToStart(model: Model, when: string): void {
  for (const domain of Object.values(model.host.domains)) {
    const saved = model.ghost.saved?.[domain.name];
    const lists = [domain.config?.disks ?? [], domain.running?.stored ?? [], saved?.stored ?? []];
    for (const disk of lists.flat()) {
      // of a mirror's legs the complete one
      const [complete = ""] = disksBehind(disk.target, model.host);
      const ghost = model.ghost.disks[complete];
      const acknowledged = model.ghost.acknowledged[`${domain.name}/${disk.vdev}`] ?? 0;
      if (ghost === undefined) {
        // a mapping that a saved guest has stored comes again at boot
        if (saved !== undefined && /^\/dev\/(mapper|md|drbd)\//.test(complete)) continue;
        throw new Error(`${when}: ${disk.target} is not there`);
      }
      if (ghost.writes < acknowledged) throw new Error(`${when}: ${disk.target} lacks writes`);
      if (ghost.deceptive) throw new Error(`${when}: ${disk.target} looks newer than it is`);
      if (!ghost.consistent) throw new Error(`${when}: ${disk.target} is half a copy`);
    }
  }
  nothingOfOthers(model, when);
  clonesApart(model, when);
}

/** Nobody has, or would be started on, a disk with something on it that somebody else has left there. */
export function nothingOfOthers(model: Model, when: string): void {
  const { recycled } = model.ghost;
  if (recycled === undefined || Object.keys(recycled).length === 0) return;
  for (const domain of Object.values(model.host.domains)) {
    const saved = model.ghost.saved?.[domain.name];
    const attached = [...(domain.running?.attached ?? []), ...(saved?.attached ?? [])].map(servedFrom);
    const named = [domain.config?.disks ?? [], domain.running?.stored ?? [], saved?.stored ?? []].flat().map(({ target }) => target);
    for (const path of [...attached, ...named]) {
      const [complete = ""] = disksBehind(path, model.host);
      if (isRecycled(model, complete)) throw new Error(`${when}: ${path} shows what others have left there`);
    }
  }
  for (const { name, disks } of model.ghost.clones ?? []) {
    const shown = disks.find((disk) => isRecycled(model, model.host.volumes[disk]?.origin ?? ""));
    if (shown !== undefined) throw new Error(`${when}: ${name} has ${shown}, which shows what others have left there`);
  }
}

/** A clone has snapshots of converge's own for disks, that are there, whole when it was booted, and nobody else's. */
export function clonesApart(model: Model, when: string): void {
  for (const { name, disks, state } of model.ghost.clones ?? []) {
    if (model.host.domains[name] !== undefined) throw new Error(`${when}: ${name} is taken for a guest`);
    for (const disk of state === "runs" ? disks : []) {
      const volume = model.host.volumes[disk];
      if (volume === undefined) throw new Error(`${when}: ${name} has its disk ${disk} taken away`);
      if (volume.kind !== "snapshot" || !volume.tags.includes("converge.role=snapshot")) throw new Error(`${when}: ${name} writes to ${disk}`);
    }
  }
}

/** What may be there still. */
export interface MayStay {
  /**
   * A guest may have left its mapping by a reboot of its own, after a run that could not let go of it: then the name, and
   * the unit that looks after it, go at the next boot of Dom0.
   */
  readonly unitsWait?: boolean | undefined;
  /** Guests whose own reboot is awaited: the mappings that xl has stored for them stay for that. */
  readonly waiting?: readonly string[];
  /**
   * The host as a run before has left it for that. What it made is not for the run after it to take back: where that is cut short,
   * or the guest is stopped meanwhile, the next boot of Dom0 takes it.
   */
  readonly earlier?: Model | undefined;
}

/** No snapshot, loop, mount, mirror, config made for one command, unit of the run, or block job or node of QEMU's. */
export function nothingLeft(model: Model, before: Pick<Model["host"], "loops" | "volumes">, when: string, { unitsWait = false, waiting = [], earlier }: MayStay = {}): void {
  const stored = waiting.flatMap((name) => model.host.domains[name]?.running?.stored ?? []).map(({ target }) => target);
  // a guest that runs on a mapping keeps it, with what it lies on and what brings it back at a boot
  const used = (model.host.mappings ?? []).filter(({ name }) => isUsed(name, model) || stored.includes(mappingPath(name)) ||
    (earlier?.host.mappings ?? []).some((mapping) => mapping.name === name));
  const kept = (path: string): boolean => used.some(({ table }) => table.kind === "linear" && table.on === path);
  const guests = Object.values(model.host.domains).flatMap(({ running }) => running ?? []);
  const left = [
    ...(model.host.mappings ?? []).filter((mapping) => !unitsWait && !used.includes(mapping)).map((mapping) => `mapping ${mapping.name}`),
    ...used.filter(({ table }) => table.kind !== "linear").map((mapping) => `mirror ${mapping.name}`),
    ...model.host.mounts.filter((m) => m.target.startsWith(`${RUN}/`)).map((m) => `mount ${m.target}`),
    ...model.host.loops.filter((l) => !before.loops.includes(l) && !kept(l.backing) && earlier?.host.loops.some(({ device }) => device === l.device) !== true).map((l) => `loop ${l.device}`),
    ...model.ghost.bootUnits
      .filter((name) => !unitsWait && earlier?.ghost.bootUnits.includes(name) !== true && !used.some((mapping) => hasMapping(model, name, mapping.name)))
      .map((u) => `boot unit of ${u}`),
    ...Object.values(model.host.volumes)
      .filter((v) => v.kind === "snapshot" && before.volumes[v.name] === undefined).map((v) => `snapshot ${v.name}`),
    ...(model.ghost.files ?? []).map((path) => `file ${path}`),
    ...(model.ghost.clones ?? []).map(({ name }) => `clone ${name}`),
    ...guests.flatMap(({ qemu }) => (qemu?.jobs ?? []).map(({ job }) => `block job ${job}`)),
    // what a guest's disk lies in is one of QEMU's nodes too
    ...guests.flatMap(({ attached, qemu }) => (qemu?.nodes ?? [])
      .filter(({ node }) => node.startsWith("converge-") && !attached.some((disk) => disk.open?.node === node)).map(({ node }) => `block node ${node}`)),
  ];
  if (left.length > 0) throw new Error(`${when}: left ${left.join(", ")}`);
}

/** One of the guest's own disks is under this name. */
export function hasMapping({ host }: Model, name: string, mapping: string): boolean {
  const domain = host.domains[name];
  return domain !== undefined && isOf(domain, mapping);
}

/** No guest is down, or paused, that has to be up. */
export function up(names: readonly string[], model: Model, when: string): void {
  for (const name of names) {
    if (model.host.domains[name]?.running?.paused !== false) throw new Error(`${when}: ${name} is down`);
  }
}

/**
 * Nothing that converge did not make is gone or changed: not a volume, a loop, a mount, or an image, but for those that
 * a playbook gives away and that their guest does not need any more.
 */
export function nothingTaken(model: Model, before: Model, { wishes }: Scene, when: string): void {
  for (const [name, volume] of Object.entries(before.host.volumes)) {
    if (model.host.volumes[name] !== volume) throw new Error(`${when}: ${name} is not converge's`);
  }
  for (const mount of before.host.mounts) {
    if (!model.host.mounts.includes(mount)) throw new Error(`${when}: ${mount.target} was unmounted`);
  }
  const images = Object.values(model.host.images);
  for (const image of Object.values(before.host.images)) {
    if (images.some((now) => now.inode === image.inode && (now.path === image.path || mayRetire(image.path, wishes)))) continue;
    if (!mayDelete(image.path, wishes)) throw new Error(`${when}: ${image.path} is gone`);
    for (const { config } of Object.values(model.host.domains)) {
      if (config?.disks.some((disk) => disk.target === image.path) ?? false) throw new Error(`${when}: ${image.path} is gone and needed`);
    }
  }
}

function sourceOf(path: string, wishes: Scene["wishes"]): string {
  const wish = wishes.find(({ name }) => path.startsWith(`/srv/xen/${name}/`) || path.startsWith(`/var/images/${name}/`));
  return wish?.disks.find(({ vdev }) => path.endsWith(`/${vdev}.img`))?.move.source ?? "keep";
}

function mayRetire(path: string, wishes: Scene["wishes"]): boolean {
  return sourceOf(path, wishes) === "retire";
}

function mayDelete(path: string, wishes: Scene["wishes"]): boolean {
  return sourceOf(path, wishes) === "delete";
}

/** Once all is done: each image is as its playbook says. */
export function sourcesSettled(model: Model, before: Model, { wishes }: Scene, when: string): void {
  for (const { path } of Object.values(before.host.images)) {
    const source = sourceOf(path, wishes);
    if ((model.host.images[path] === undefined) !== (source !== "keep")) throw new Error(`${when}: what became of ${path}?`);
  }
}
