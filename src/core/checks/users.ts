import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { numberOfLoop } from "../model/loop.js";
import { disksBehind, makerOf } from "../model/mapping.js";
import { pathInDev, pathsOfVolume } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import type { Image, Loop, Mount, Volume } from "../model/storage.js";
import { sameVdev } from "../xl/vdev.js";
import { diskOver } from "./layered.js";

/**
 * Who uses an image or a volume, by whatever name: Xen's own scripts refuse a second user only of the very same path,
 * and not of QEMU's disks at all. Words for a person, one a user.
 */

/** Whose disk it is: that one is no stranger. */
export interface Owner {
  readonly domain: string;
  readonly vdev: string;
}

/** Others who have the image: guests, other disks of the guest itself, loop devices of nobody's, mounts. */
export function usersOfImage(image: Image, owner: Owner, state: HostState): readonly string[] {
  // every disk of every guest is held against these
  const loops = state.loops.filter((loop) => isOver(loop, image));
  const same = (path: string): boolean => {
    const inDev = pathInDev(path);
    const found = state.images[inDev];
    return path === image.path || path === image.realPath || (found !== undefined && found.inode === image.inode && found.devno === image.devno) ||
      loops.some((loop) => loop.device === inDev);
  };
  // a clone that runs has it open, under whatever name; of one that is down it is a question only where the image is given up
  const clones = Object.values(state.domains).filter(({ name, running }) => running !== undefined && name !== owner.domain)
    .flatMap((domain) => (diskOver(domain, state, image) === undefined ? [] : [`guest ${domain.name}, of which a disk is laid over it`]));
  return [...guestsWith((path) => disksBehind(path, state).some(same), owner, state), ...clones, ...loopsOver(image, owner, same, state)];
}

/** Others who have the volume: guests, other disks of the guest itself, mounts, devices on top of it, or somebody unseen. */
export function usersOfVolume(name: string, owner: Owner, state: HostState): readonly string[] {
  const volume = state.volumes[name];
  // every disk of every guest is held against them
  const same = namesIt(name, state);
  const users = [
    ...guestsWith((path) => disksBehind(path, state).some(same), owner, state, volume?.devno),
    ...mountsWith((mount) => mount.devno === volume?.devno || same(mount.source), state),
    ...(volume?.holders ?? []).map((holder) => `device ${holder} lies on it`),
  ];
  if (users.length > 0 || volume === undefined) return users;
  return isOpen(volume, owner, same, state) ? ["somebody has it open, and is neither a guest nor a mount nor a device"] : [];
}

/** Others whom it would be taken from if it were removed, the owner's own use of it aside. */
export function losersOfVolume(name: string, owner: Owner, state: HostState): readonly string[] {
  const volume = state.volumes[name];
  const same = namesIt(name, state);
  const own = mappingsOver(same, state);
  return [
    ...guestsWith((path) => disksBehind(path, state).some(same), owner, state, volume?.devno),
    ...mountsWith((mount) => (volume?.devno !== undefined && mount.devno === volume.devno) || same(mount.source), state),
    ...(volume?.holders ?? []).filter((holder) => !own.some((mapping) => isCalled(mapping, holder))).map((holder) => `device ${holder} lies on it`),
    // lvremove takes them along; a thin one lives on by itself
    ...Object.values(state.volumes).filter(({ origin, kind }) => origin === name && kind === "snapshot").map((snapshot) => `${snapshot.name} is a snapshot of it`),
  ];
}

/** Whether a path, or what lies behind it, is the volume by whatever name. */
function namesIt(name: string, { devices }: HostState): (path: string) => boolean {
  const [path, mapperPath] = pathsOfVolume(name);
  return (one) => one === name || one === path || one === mapperPath || devices?.[pathInDev(one)]?.volume === name;
}

/** The owner's own QEMU has it open where a mirror was left behind. */
function isOpen(volume: Volume, { domain }: Owner, same: (path: string) => boolean, state: HostState): boolean {
  return volume.open && state.domains[domain]?.running?.qemu?.nodes.some(({ path }) => same(path)) !== true;
}

function guestsWith(isIt: (path: string) => boolean, owner: Owner, state: HostState, devno?: string): readonly string[] {
  const has = askedOnce(isIt);
  return Object.values(state.domains).flatMap((guest) => {
    const own = guest.name === owner.domain;
    const vdevs = disksWith(guest, has, devno).filter((vdev) => !own || !sameVdev(vdev, owner.vdev));
    if (own) return [...new Set(vdevs)].map((vdev) => `${guest.name} itself, as its ${vdev}`);
    return vdevs.length > 0 || (guest.running?.qemu?.nodes.some(({ path }) => has(path)) ?? false) ? [`guest ${guest.name}`] : [];
  });
}

/** A guest's configs and what is attached to it name the same paths. */
function askedOnce(has: (path: string) => boolean): (path: string) => boolean {
  const answers = new Map<string, boolean>();
  return (path) => {
    const known = answers.get(path);
    if (known !== undefined) return known;
    const answer = has(path);
    answers.set(path, answer);
    return answer;
  };
}

/** By any of its configs, by what its own reboot would come up with, and as it runs. */
function disksWith({ config, otherDisks = [], running }: Domain, has: (path: string) => boolean, devno: string | undefined): readonly string[] {
  const named = (disks: readonly ConfiguredDisk[]): readonly string[] =>
    disks.filter(({ target, backend }) => backend === undefined && has(target)).map(({ vdev }) => vdev);
  const attached = (running?.attached ?? []).filter((disk) =>
    has(disk.params) || has(servedFrom(disk)) || (devno !== undefined && disk.devno === devno));
  return [...named(config?.disks ?? []), ...named(otherDisks), ...named(running?.stored ?? []), ...attached.map(({ vdev }) => vdev)];
}

function loopsOver(image: Image, owner: Owner, same: (path: string) => boolean, state: HostState): readonly string[] {
  const own = mappingsOver(same, state);
  return state.loops
    .filter((loop) => isOver(loop, image))
    .flatMap((loop) => {
      const number = numberOfLoop(loop);
      const ofIt = ({ devno, source }: Mount): boolean => devno === number || source === loop.device || source.startsWith(`${loop.device}p`);
      const above = [
        ...mountsWith(ofIt, state).map((mount) => `${mount} (${loop.device})`),
        ...(loop.holders ?? []).filter((holder) => !own.some((name) => isCalled(name, holder))).map((holder) => `device ${holder} lies on it (${loop.device})`),
      ];
      return above.length > 0 || isServed(loop, owner, state) || own.length > 0 || wasInterrupted(owner, state)
        ? above
        : [`${loop.device} lies on it, and is no guest's`];
    });
}

function isOver(loop: Loop, { inode, devno }: Image): boolean {
  return loop.inode === inode && loop.devno === devno;
}

/** Mappings of converge's own that lie on the image: the loop device below is known for theirs by that. */
function mappingsOver(same: (path: string) => boolean, { mappings = [] }: HostState): readonly string[] {
  return mappings
    .filter(({ table }) => (table.kind === "linear" ? [table.on] : [table.from, table.to]).some(same))
    .map(({ name }) => name);
}

/** An array or a DRBD device has a number for a name there, and what lies below can not be in two. */
function isCalled(mapping: string, holder: string): boolean {
  const maker = makerOf(mapping);
  return mapping === holder || (maker !== "dm" && holder.startsWith(maker) && /^\d+$/.test(holder.slice(maker.length)));
}

/** A guest has it: another one is named as such already. One whose disk is not connected yet has no number in xenstore. */
function isServed(loop: Loop, { domain }: Owner, state: HostState): boolean {
  return Object.values(state.domains).some(({ name, running }) => running?.attached.some((disk) =>
    disk.devno === numberOfLoop(loop) || (name === domain && disk.state !== CONNECTED && disk.params === loop.backing)) ?? false);
}

/** What a run of converge left behind is taken back before the next one begins, and looked for right before the switch. */
function wasInterrupted({ domain }: Owner, { runs }: HostState): boolean {
  return runs.some((run) => run.domain === domain && (run.state === "running" || run.state === "stopped" || run.unfinished !== undefined));
}

function mountsWith(isOfIt: (mount: Mount) => boolean, { mounts }: HostState): readonly string[] {
  return mounts.filter(isOfIt).map(({ target }) => `mounted on ${target}`);
}

/** XenbusStateConnected of xen/include/public/io/xenbus.h. */
const CONNECTED = 4;
