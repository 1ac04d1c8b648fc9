import { usersOfImage } from "../checks/users.js";
import type { Owner } from "../checks/users.js";
import type { ReturnChange, ReturnDisk } from "../model/change.js";
import type { ReadyCheck, MoveOptions } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { disksBehind, leadsTo } from "../model/mapping.js";
import { CARRY_BEGUN, sourceOfTags, volumeTags } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import type { SourceRange } from "../model/source.js";
import type { Image, Volume } from "../model/storage.js";
import { sameVdev } from "../xl/vdev.js";
import { own } from "../model/own.js";
import { noConfig } from "./no-config.js";
import { cameTo, neverCame } from "./came-to.js";
import { howToCarry } from "./carry-back.js";
import { finishReturn, isOn, leaveOlder, movedAt } from "./finish-return.js";
import { notIts } from "./not-its-volume.js";
import { findSource } from "./return-source.js";

/** That a guest goes back to the images that its disks came from. */
export interface ReturnWish {
  readonly domain: string;
  /** Virtual devices; all that converge has moved where there are none. */
  readonly disks: readonly string[];
  /** What was written since goes along, and how; unset: it is given up. */
  readonly carryBack?: "auto" | "files" | "blocks";
  readonly removeVolume: boolean;
  readonly ready?: ReadyCheck;
  readonly move: Pick<MoveOptions, "shutdownTimeoutSeconds" | "destroy">;
  /** Where it was asked for. */
  readonly at: SourceRange;
}

export interface Returning {
  readonly changes: readonly ReturnChange[];
  readonly diagnostics: readonly Diagnostic[];
}

/** What of a guest has yet to go back: its disks on volumes that converge made, and volumes that it has left. */
export function diffReturn(wish: ReturnWish, state: HostState): Returning {
  const domain = own(state.domains, wish.domain);
  const subject = { host: state.host.name, domain: wish.domain };
  if (domain?.config === undefined) {
    return { changes: [], diagnostics: [{
      ...noConfig(wish.domain, state, `See which guests there are: converge facts ${state.host.name}`), at: wish.at, subject,
    }] };
  }
  const { disks } = domain.config;
  const unknown = wish.disks.filter((vdev) => !disks.some((disk) => sameVdev(disk.vdev, vdev)));
  const diagnostics: Diagnostic[] = unknown.map((vdev) => ({
    severity: "error", code: "no-such-disk", at: wish.at, subject: { ...subject, vdev }, summary: `${wish.domain} has no disk ${vdev}`,
    detail: `its config names ${disks.map((disk) => disk.vdev).join(", ")}`, fix: "Name a disk of the guest's config.",
  }));
  const changes: ReturnChange[] = [];
  for (const disk of disks) {
    if (wish.disks.length > 0 && !wish.disks.some((vdev) => sameVdev(disk.vdev, vdev))) continue;
    for (const found of diffDisk(wish, disk, domain, state)) {
      if ("change" in found) changes.push(found);
      else diagnostics.push({ ...found, subject: { ...subject, vdev: disk.vdev } });
    }
  }
  return { changes, diagnostics };
}

function diffDisk(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, state: HostState): readonly (ReturnChange | Diagnostic)[] {
  const volumes = Object.values(state.volumes).filter((volume) => isOurs(volume, domain.name, disk.vdev));
  const on = volumes.find((volume) => leadsTo(disk.target, volume.name, state));
  const stranger = on === undefined ? notIts(wish, disk, domain, state) : undefined;
  if (stranger !== undefined) return [stranger];
  const back = on === undefined ? undefined : goingBack(wish, disk, domain, on, state);
  if (back !== undefined && "severity" in back) return [back];
  const path = back?.path ?? disk.target;
  const left = volumes.filter((volume) => volume !== on && volume.tags.includes("converge.role=disk") && sourceOfTags(volume.tags) === path);
  const last = on ?? lastOf(left, domain, state);
  return [
    ...(back === undefined ? [] : [back]),
    ...left.map((volume) => (volume === last ? finishReturn(wish, disk, domain, volume, state) : leaveOlder(disk, domain, volume, path))),
  ];
}

/** The one that the guest was on last; none where nobody knows which of several it was. */
function lastOf(left: readonly Volume[], { name }: Domain, state: HostState): Volume | undefined {
  const [first, ...others] = left;
  if (others.length === 0) return first;
  const since = (volume: Volume): number => movedAt(name, volume, state) ?? -1;
  const newest = left.reduce((best, volume) => (since(volume) > since(best) ? volume : best));
  return since(newest) < 0 ? undefined : newest;
}

function isOurs(volume: Volume, domain: string, vdev: string): boolean {
  const marks = volumeTags(domain, vdev, "disk").slice(0, -1);
  const roles = ["converge.role=disk", "converge.role=copy"];
  return marks.every((tag) => volume.tags.includes(tag)) && roles.some((tag) => volume.tags.includes(tag));
}

function goingBack(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, volume: Volume, state: HostState): ReturnDisk | Diagnostic {
  if (volume.tags.includes("converge.role=copy") && !cameTo(domain.name, volume.name, state)) {
    // carried back, it would be put over the only whole disk
    return { at: wish.at, ...neverCame({ domain: domain.name, vdev: disk.vdev }, volume, isOn(domain, volume, state), "which the guest has not left.", state) };
  }
  const source = findSource(wish, disk, domain, volume, state);
  if ("severity" in source) return source;
  const { image, path, format, retired } = source;
  const halfCarried = volume.tags.includes(CARRY_BEGUN);
  const carry = howToCarry(wish, source, volume);
  if (typeof carry !== "string") return { severity: "error", code: "can-not-carry-back", at: wish.at, ...carry };
  if (halfCarried && carry === "nothing") {
    return {
      severity: "error", code: "image-half-carried", at: wish.at,
      summary: `${image.path} is only half of what ${volume.name} holds`,
      detail: "an earlier rollback began to carry writes back to it and did not come to its end",
      fix: "Carry them back: add --carry-back.",
    };
  }
  const users = usersOf(image, { domain: domain.name, vdev: disk.vdev }, state);
  if (users.length > 0) {
    return {
      severity: "error", code: "image-shared", at: wish.at, summary: `${image.path} is in use`, detail: users.join("\n"),
      fix: "Let go of it before the guest goes back to it.",
    };
  }
  const since = movedAt(domain.name, volume, state);
  const writtenBytes = domain.running?.attached.find((attached) => sameVdev(attached.vdev, disk.vdev))?.writtenBytes;
  return {
    change: "return-disk", domain: domain.name, vdev: disk.vdev, volume, image, path, format, carry, halfCarried,
    removeVolume: wish.removeVolume,
    ...(retired === undefined ? {} : { retired }),
    ...(since === undefined ? {} : { since }),
    ...(writtenBytes === undefined ? {} : { writtenBytes }),
  };
}

/** Who has the image meanwhile: nobody may. The guest itself is named where it runs on it, whatever its config says. */
function usersOf(image: Image, { domain, vdev }: Owner, state: HostState): readonly string[] {
  const same = (path: string): boolean => {
    const found = state.images[path];
    return found !== undefined && found.inode === image.inode && found.devno === image.devno;
  };
  // not by xenstore, which goes on naming what it was created with when its QEMU has gone over to the volume
  const runs = own(state.domains, domain)?.running?.attached.some((disk) => disksBehind(servedFrom(disk), state).some(same)) === true;
  return [...usersOfImage(image, { domain, vdev }, state), ...(runs ? [`${domain} itself runs on it`] : [])];
}
