import type { DomainChanges, MoveChange, TargetVolume } from "../model/change.js";
import type { DesiredDisk, DesiredDomain } from "../model/desired.js";
import { leavesBySwitch } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import { formatApart, roundUpToExtent } from "../model/bytes.js";
import type { ConfiguredDisk, Domain, DomainConfig } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { disksBehind, leadsTo, mappingAt } from "../model/mapping.js";
import { CARRY_DONE, SERVED_BY_QEMU, fillOf, formatOfTags, sourceOfTags, unzeroedOf, volumeTags } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import { diskBytes, otherFileSystem } from "../model/storage.js";
import type { Content, Volume } from "../model/storage.js";
import { sameVdev } from "../xl/vdev.js";
import { own } from "../model/own.js";
import { cameTo, neverCame } from "./came-to.js";
import { noConfig } from "./no-config.js";

/**
 * What differs between what a playbook wishes for one guest and what its host holds. Nothing is decided here about
 * how it is done. What can not be told is a diagnostic.
 */
export function diffDomain(
  desired: DesiredDomain, state: HostState,
): { readonly changes: DomainChanges; readonly diagnostics: readonly Diagnostic[] } {
  const domain = state.domains[desired.name];
  const diagnostics: Diagnostic[] = [];
  const changes: MoveChange[] = [];
  if (domain?.config === undefined) {
    // without a config on the host a guest can not be started on its new disk
    diagnostics.push({
      ...noConfig(desired.name, state, `Write one (xl list -l ${desired.name} shows what it was created from).`),
      at: desired.at, subject: { host: state.host.name, domain: desired.name },
    });
    return { changes: { domain: desired.name, desired, changes }, diagnostics };
  }
  const { config } = domain;
  for (const wish of desired.disks) {
    const disk = config.disks.find((d) => sameVdev(d.vdev, wish.vdev));
    const result = disk === undefined ? noDisk(wish, config) : diffDisk(wish, disk, domain, state, leaving(desired, domain, wish, state));
    if (result !== undefined && "change" in result) changes.push(result);
    else if (result !== undefined) diagnostics.push({ ...result, subject: subject(wish, state) });
  }
  return { changes: { domain: desired.name, desired, changes }, diagnostics };
}

function subject(wish: DesiredDisk, state: HostState): NonNullable<Diagnostic["subject"]> {
  return { host: state.host.name, domain: wish.domain, vdev: wish.vdev };
}

function noDisk(wish: DesiredDisk, config: DomainConfig): Diagnostic {
  const have = config.disks.map((d) => d.vdev).join(", ");
  return {
    severity: "error", code: "no-such-disk", at: wish.at,
    summary: `${wish.domain} has no disk ${wish.vdev}`,
    detail: have === "" ? "its config names no disks" : `its config names ${have}`,
    fix: "Name a disk of the guest's config.",
  };
}

function diffDisk(wish: DesiredDisk, disk: ConfiguredDisk, { running }: Domain, state: HostState, leaves?: string): MoveChange | Diagnostic | undefined {
  const volume = state.volumes[wish.volume];
  if (volume !== undefined && leadsTo(disk.target, volume.name, state)) {
    const isThere = running?.attached.some((d) => sameVdev(d.vdev, wish.vdev) && disksBehind(servedFrom(d), state).includes(wish.volume)) ?? false;
    return settled(wish, volume, state, isThere, leaves);
  }
  const image = state.images[disk.target];
  if (image === undefined) {
    return {
      severity: "error", code: "source-not-an-image", at: wish.at,
      summary: `${wish.vdev} of ${wish.domain} is on ${disk.target}, which is no image file on this host`,
      fix: "Only disks that lie in an image file can be moved for now.",
    };
  }
  // where QEMU serves it, QEMU says how large the guest sees it
  const open = running?.attached.find((d) => sameVdev(d.vdev, wish.vdev))?.open;
  const to = target(wish, open?.bytes ?? diskBytes(image), volume, image.content, state);
  if ("severity" in to) return to;
  return { change: "move-disk", domain: wish.domain, vdev: disk.vdev, from: disk, image, to, wish };
}

/** The mapping on the volume that the guest sits on, where the playbook says that it is to be taken off such. */
function leaving(desired: DesiredDomain, { running }: Domain, wish: DesiredDisk, state: HostState): string | undefined {
  if (!leavesBySwitch(desired.move) || desired.move.switch === "next-reboot") return undefined;
  const attached = running?.attached.find((disk) => sameVdev(disk.vdev, wish.vdev));
  const mapping = attached === undefined ? undefined : mappingAt(attached.params, state);
  return mapping?.table.kind === "linear" && mapping.table.on === wish.volume ? mapping.name : undefined;
}

/** The guest is where it should be; what a run that stopped late has left is still to be done. */
function settled(wish: DesiredDisk, volume: Volume, state: HostState, isThere: boolean, leaves?: string): MoveChange | Diagnostic | undefined {
  const copying = volumeTags(wish.domain, wish.vdev, "copy").every((tag) => volume.tags.includes(tag));
  if (copying) {
    if (!cameTo(wish.domain, wish.volume, state)) return { at: wish.at, ...neverCame(wish, volume, isThere, "and run this again: the copy is gone on with.", state) };
    const source = sourceOfTags(volume.tags);
    const image = source === undefined ? undefined : state.images[source]?.realPath;
    return {
      change: "finish-move", domain: wish.domain, vdev: wish.vdev, volume: wish.volume, wish,
      ...(leaves === undefined ? {} : { leaves }),
      ...(image === undefined ? {} : { image }),
    };
  }
  if (leaves !== undefined) {
    return { change: "finish-move", domain: wish.domain, vdev: wish.vdev, volume: wish.volume, wish, leaves };
  }
  if (wish.bytes !== undefined && volume.bytes < wish.bytes) {
    const [has, asked] = formatApart(volume.bytes, wish.bytes);
    return {
      severity: "warning", code: "size-differs", at: wish.at,
      summary: `${wish.volume} has ${has}, and ${wish.sizeText ?? asked} is asked for`,
      detail: "growing a volume that a guest runs on is not built yet",
    };
  }
  return undefined;
}

function target(
  wish: DesiredDisk, sourceBytes: number, existing: Volume | undefined, source: Content, state: HostState,
): TargetVolume | Diagnostic {
  const group = wish.volume.slice(0, wish.volume.indexOf("/"));
  const vg = own(state.volumeGroups, group);
  if (vg === undefined) {
    const have = Object.keys(state.volumeGroups).sort().join(", ");
    return {
      severity: "error", code: "no-such-volume-group", at: wish.volumeAt,
      summary: `${state.host.name} has no volume group ${group}`,
      detail: have === "" ? "it has none at all" : `it has ${have}`,
      fix: "Name a volume group of the host, or make this one first.",
    };
  }
  const asked = wish.bytes ?? sourceBytes;
  const bytes = roundUpToExtent(asked, vg.extentBytes);
  const tagged = (tags: readonly string[]): boolean => existing !== undefined && tags.every((tag) => existing.tags.includes(tag));
  // of a guest that had this name before, or a file system that was made anew: what it holds beside the new one's blocks is not zeroed
  const others = otherFileSystem(source, existing?.content);
  const former = !others && tagged([...volumeTags(wish.domain, wish.vdev, "former"), CARRY_DONE]);
  const ours = former || (!others && tagged(volumeTags(wish.domain, wish.vdev, "copy")));
  const fill = fillOf(existing?.tags ?? []);
  const unzeroed = unzeroedOf(existing?.tags ?? []);
  const format = formatOfTags(existing?.tags ?? []);
  return {
    volume: wish.volume, group, bytes, extentBytes: vg.extentBytes,
    ...(wish.bytes === undefined ? {} : { askedBytes: wish.bytes }),
    content: existing?.content ?? { type: "unknown" },
    begun: ours, former,
    ...(ours && fill !== undefined ? { fill } : {}),
    ...(ours && unzeroed !== undefined ? { unzeroed } : {}),
    ...(tagged([SERVED_BY_QEMU]) ? { servedByQemu: true } : {}),
    ...(format === undefined ? {} : { format }),
  };
}
