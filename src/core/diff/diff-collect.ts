import { layeredDisk } from "../checks/layered.js";
import type { CollectChange, DiscardImage, ForgetRuns } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import { pathInDev, roleOfTags, volumeTags } from "../model/names.js";
import type { HostState, RetiredImage } from "../model/host-state.js";
import { disksBehind, leadsTo } from "../model/mapping.js";
import { servedFrom } from "../model/qemu.js";
import type { SourceRange } from "../model/source.js";
import { otherFileSystem, type Image } from "../model/storage.js";
import { formatInstant } from "../render/figures.js";
import { sameVdev } from "../xl/vdev.js";
import { own } from "../model/own.js";

/** How long retired images and books of runs are kept, unless somebody says otherwise. */
export const KEPT_SECONDS = 30 * 24 * 60 * 60;

/** That what is past its time goes: retired images, and books of runs. Plain data, so that a run can be gone on with. */
export interface CollectWish {
  /** Where nothing nearer says how long. */
  readonly keepForSeconds: number;
  /** It was asked for by hand: what the move that retired an image has said does not count. */
  readonly byHand?: boolean;
  /** The guests that are meant, with what is said of them; unset: every guest. */
  readonly guests?: readonly GuestRetention[];
  /** Seconds since the epoch, by the host's clock, when it was first looked at: nothing comes of age while it is asked about. */
  readonly now: number;
  /** Runs that were their guests' last ones then: the run that removes the others makes old ones of them. */
  readonly lastRuns?: readonly string[];
  /** Where it was asked for. */
  readonly at: SourceRange;
}

export interface GuestRetention {
  readonly domain: string;
  readonly keepForSeconds?: number;
  readonly disks: readonly { readonly vdev: string; readonly keepForSeconds: number }[];
}

export interface Collecting {
  readonly changes: readonly CollectChange[];
  /** A note for each retired image that stays, with the reason. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What of a host's leftovers is past its time and needed by nobody; for the rest of the retired images, why they stay. */
export function diffCollect(wish: CollectWish, state: HostState): Collecting {
  const changes: CollectChange[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const retired of newestOfEach(state.retired ?? [])) {
    const image = state.images[retired.retired];
    // it went back to its guest, or somebody has removed it
    if (image === undefined || !isMeant(wish, retired.domain)) continue;
    const why = whyKept(retired, image, wish, state);
    if (why === undefined) {
      changes.push({ change: "discard-image", domain: retired.domain, vdev: retired.vdev, volume: retired.volume, image, retired });
      continue;
    }
    diagnostics.push({
      severity: "note", code: "image-kept", at: wish.at, subject: { host: state.host.name, domain: retired.domain, vdev: retired.vdev },
      summary: `${retired.retired} stays`, detail: why,
    });
  }
  changes.push(...forgetRuns(wish, state, changes.filter((change): change is DiscardImage => change.change === "discard-image")));
  return { changes, diagnostics };
}

/** One name may have been retired to several times: the last entry is the one that is true. */
function newestOfEach(all: readonly RetiredImage[]): readonly RetiredImage[] {
  return [...new Map(all.map((one) => [one.retired, one])).values()];
}

function isMeant({ guests }: CollectWish, domain: string): boolean {
  return guests === undefined || guests.some((guest) => guest.domain === domain);
}

function keptFor(wish: CollectWish, domain: string): number {
  return wish.guests?.find((one) => one.domain === domain)?.keepForSeconds ?? wish.keepForSeconds;
}

/**
 * How long a retired image is kept: as the playbook says that there is now. Where there is none, or none that says it, the playbook of
 * its move may have promised it for longer than anybody asks for here.
 */
function imageKeptFor(wish: CollectWish, { domain, vdev, keepForSeconds = 0 }: RetiredImage): number {
  const guest = wish.guests?.find((one) => one.domain === domain);
  const said = guest?.disks.find((one) => sameVdev(one.vdev, vdev))?.keepForSeconds ?? guest?.keepForSeconds;
  return said ?? (wish.byHand === true ? wish.keepForSeconds : Math.max(wish.keepForSeconds, keepForSeconds));
}

/** The first reason for which an image stays; undefined where there is none. */
function whyKept(retired: RetiredImage, image: Image, wish: CollectWish, state: HostState): string | undefined {
  const wrong = wrongTime(retired);
  if (wrong !== undefined) return wrong;
  const due = retired.at + imageKeptFor(wish, retired);
  if (wish.now < due) return `it was retired ${formatInstant(retired.at)}, and is kept until ${formatInstant(due)}`;
  return notTheFile(retired, image) ?? inRun(retired.domain, state) ?? notOnVolume(retired, state) ?? notItsCopy(retired, image, state)
    ?? used(retired, image, state);
}

/** When it was retired, if that can not be so: nothing is overdue by a clock that was wrong. */
function wrongTime({ at, file }: RetiredImage): string | undefined {
  if (at <= 0) return "the books do not say when it was retired";
  if (file === undefined || at >= file.mtime) return undefined;
  return `the books say that it was retired ${formatInstant(at)}, and it was written to ${formatInstant(file.mtime)}: a clock was wrong`;
}

function notTheFile({ file }: RetiredImage, image: Image): string | undefined {
  if (file === undefined) return "the books do not say which file it was: an older version of converge wrote them";
  if (image.realPath !== image.path) return `it is a link, to ${image.realPath}`;
  const same = image.inode === file.inode && image.bytes === file.bytes && image.mtime === file.mtime;
  return same ? undefined : "it is not the file that was retired, or somebody has written to it since";
}

function inRun(domain: string, state: HostState): string | undefined {
  const run = state.runs.find((one) => one.domain === domain);
  if (run?.state === "running") return `a run has ${domain}: ${run.owner} began it ${formatInstant(run.since)}`;
  if (run?.state === "stopped" || run?.unfinished !== undefined) return `the run ${run.run} of ${domain} stopped half-way: go on with it first (converge resume)`;
  return undefined;
}

/** Until the guest is seen to run on its volume the image may be the better disk of the two. */
function notOnVolume({ domain: name, vdev, volume }: RetiredImage, state: HostState): string | undefined {
  const domain = own(state.domains, name);
  if (domain === undefined) return `there is no guest ${name} on this host any more`;
  const found = state.volumes[volume];
  if (found === undefined) return `the volume ${volume}, which ${name} went to, is not there any more`;
  if (!found.tags.includes("converge.role=disk")) return `${volume} is not marked as the guest's disk: what moved it there has not come to its end`;
  const configured = domain.config?.disks.find((disk) => sameVdev(disk.vdev, vdev));
  if (configured === undefined || !leadsTo(configured.target, found.name, state)) return `the config of ${name} does not name ${volume} for ${vdev}`;
  if (domain.running === undefined) return `${name} does not run: nobody has seen it up on ${volume}`;
  const attached = domain.running.attached.find((disk) => sameVdev(disk.vdev, vdev));
  if (attached === undefined || diskBehind(servedFrom(attached), found.name, state) !== found.name) return `${name} does not run on ${volume}`;
  // what the guest was created on is what xenstore says for as long as it lives
  if (diskBehind(attached.params, found.name, state) !== found.name) return `${name} was taken over while it ran: it stays until the guest is restarted`;
  const { halted, paused } = domain.running;
  if (halted !== undefined) return halted === "crashed" ? `${name} has crashed` : `${name} has shut down`;
  return paused ? `${name} is paused` : undefined;
}

/** The volume may have been made anew since, under the same name, and the guest have gone there with another disk. */
function notItsCopy({ volume }: RetiredImage, image: Image, state: HostState): string | undefined {
  if (!otherFileSystem(image.content, state.volumes[volume]?.content)) return undefined;
  return `it holds another file system than ${volume}: one of the two was made anew`;
}

/** The one disk that a path means: a mirror leaves its guest on a mapping of converge's own, over the volume alone. */
function diskBehind(path: string, volume: string, state: HostState): string | undefined {
  if (leadsTo(path, volume, state)) return volume;
  const behind = disksBehind(path, state);
  return behind.length === 1 ? behind[0] : undefined;
}

/** Who refers to the file, under whatever name. */
function used({ retired, path }: RetiredImage, image: Image, state: HostState): string | undefined {
  const same = (target: string): boolean => {
    const found = state.images[pathInDev(target)];
    return target === retired || (found !== undefined && found.inode === image.inode && found.devno === image.devno);
  };
  // who had it open when it was renamed has it still, and goes on calling it as it was called then
  const isFormer = (target: string): boolean => target === path && state.images[path] === undefined;
  const names = (disks: readonly ConfiguredDisk[]): boolean => disks.some((disk) => same(disk.target));
  for (const domain of Object.values(state.domains)) {
    const { config, otherDisks = [], running, saved } = domain;
    if (config !== undefined && (names(config.disks) || mentions(config.text.text, retired))) return `the config ${config.path} names it`;
    if (names(otherDisks)) return `another config of ${domain.name} names it`;
    if (running !== undefined && names(running.stored)) return `xl has it stored for ${domain.name}`;
    if (running !== undefined && isServedFrom(running, (target) => same(target) || isFormer(target))) return `the guest ${domain.name} has it open`;
    // what it will be restored onto stands in the save file alone
    if (saved) return `${domain.name} is saved, and nobody knows which disks it remembers: restore it first`;
    const layered = layeredDisk(domain, state, image);
    if (layered !== undefined) return layered;
  }
  const loop = state.loops.find((one) => one.inode === image.inode && one.devno === image.devno);
  if (loop !== undefined) return `the loop device ${loop.device} has it open`;
  const mapping = state.mappings?.find(({ table }) => (table.kind === "linear" ? [table.on] : [table.from, table.to]).some((leg) => leg === path || same(leg)));
  return mapping === undefined ? undefined : `the mapping ${mapping.name} lies on it`;
}

function isServedFrom(running: NonNullable<Domain["running"]>, same: (path: string) => boolean): boolean {
  return running.attached.some((disk) => same(disk.params) || same(servedFrom(disk)))
    || (running.qemu?.nodes ?? []).some(({ path }) => same(path));
}

/** In whatever form, in a comment too: somebody has thought of it. */
function mentions(text: string, path: string): boolean {
  return text.includes(path);
}

/**
 * Runs that ended long ago. The last one of a guest stays, for `status` and `resume`; so does the one that brought it
 * onto a volume while there is an image to go back to, for it says since when, and while the volume is still marked as a
 * copy: somebody may have put the guest back by hand, and the volume alone hold what it wrote there.
 */
function forgetRuns(wish: CollectWish, state: HostState, discarded: readonly DiscardImage[]): readonly ForgetRuns[] {
  const guests = new Set((state.past ?? []).map(({ domain }) => domain));
  return [...guests].filter((domain) => isMeant(wish, domain) && inRun(domain, state) === undefined).flatMap((domain): readonly ForgetRuns[] => {
    const committed = (state.commits ?? []).filter((commit) => commit.domain === domain);
    const needed = new Set([...volumesToReturnFrom(domain, state, discarded), ...copiesOf(domain, state)].flatMap((volume) =>
      // that some run may have brought it there says one that does not say where
      [committed.find(({ volumes }) => volumes.includes(volume)), committed.find(({ unsaid }) => unsaid)].flatMap((commit) => commit?.run ?? [])));
    const oldest = wish.now - keptFor(wish, domain);
    const runs = (state.past ?? []).filter((past) =>
      past.domain === domain && past.open === undefined && past.since > 0 && past.since < oldest && !needed.has(past.run)
      && wish.lastRuns?.includes(past.run) !== true);
    return runs.length === 0 ? [] : [{ change: "forget-runs", domain, runs }];
  });
}

/** Volumes that a run has begun for a guest, and that none has marked as its disk. */
function copiesOf(domain: string, state: HostState): readonly string[] {
  const [ours = "", whose = ""] = volumeTags(domain, "", "copy");
  return Object.values(state.volumes)
    .filter(({ tags }) => tags.includes(ours) && tags.includes(whose) && roleOfTags(tags) === "copy")
    .map(({ name }) => name);
}

/** Volumes that a guest could still be brought back from. */
function volumesToReturnFrom(domain: string, state: HostState, discarded: readonly DiscardImage[]): readonly string[] {
  const gone = new Set(discarded.filter((change) => change.domain === domain).map(({ volume }) => volume));
  const disks = own(state.domains, domain)?.config?.disks ?? [];
  return Object.values(state.volumes)
    .filter(({ name, tags }) => tags.includes("converge") && disks.some(({ target }) => leadsTo(target, name, state)) && !gone.has(name))
    .map(({ name }) => name);
}
