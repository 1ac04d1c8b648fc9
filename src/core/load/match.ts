import type {
  DesiredDisk, DesiredDiskPattern, DesiredDomain, DesiredDomainPattern, DesiredHost, MoveOptions, ReadyCheck,
} from "../model/desired.js";
import type { Checked, Diagnostic, Subject } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import type { PlainMap } from "./document.js";
import { duplicateVolume, placeText } from "./duplicate-volumes.js";
import { globMatches } from "./glob.js";
import type { Conflict, Layer } from "./merge.js";
import { mergeLayers } from "./merge.js";
import { didYouMean } from "./suggest.js";
import { sameVdev } from "../xl/vdev.js";
import { volumeNameProblem } from "./volume-name.js";
import { unpairedOf } from "./window-pairs.js";

/** A guest as a host's facts show it. */
export interface FoundDomain {
  readonly name: string;
  readonly vdevs: readonly string[];
}

/** An entry of `domains` that no guest of the host answers to. */
export interface MissingDomain {
  readonly pattern: string;
  readonly isGlob: boolean;
  readonly at: SourceRange;
}

export interface MatchedHost {
  readonly host: string;
  /** Guests that something is asked of, in the order of the host. */
  readonly domains: readonly DesiredDomain[];
  /** Skipped on this host; whether that is an error is a question over all hosts, see {@link acrossHosts}. */
  readonly missing: readonly MissingDomain[];
  /** Names and globs of the other entries: a guest of this host answers to them. */
  readonly met: readonly string[];
}

/**
 * What is asked of each guest of a host: entries matched to guests and disks, globs under exact names, `move` of
 * play, domain and disk merged.
 * @param desired of one play, or of all plays together
 * @param found the guests on the host, with the disks that their configs name
 * @param only globs of `--domain`: guests that match none of them are passed over
 */
export function matchDomains(
  desired: DesiredHost, found: readonly FoundDomain[], only: readonly string[] = [],
): Checked<MatchedHost> {
  const matcher = new Matcher(desired.host);
  const chosen = found.filter((d) => only.length === 0 || only.some((glob) => globMatches(glob, d.name)));
  const domains = chosen.flatMap((domain) => {
    const entries = desired.domains.filter((entry) => matches(entry, domain.name));
    return entries.length === 0 ? [] : [matcher.domain(domain, entries)];
  });
  matcher.checkVolumes(domains);
  const isMet = (entry: DesiredDomainPattern): boolean => found.some((domain) => matches(entry, domain.name));
  const missing = desired.domains
    .filter((entry) => !isMet(entry))
    .filter((entry) => only.length === 0 || entry.isGlob || only.some((glob) => globMatches(glob, entry.pattern)))
    .map(({ pattern, isGlob, at }) => ({ pattern, isGlob, at }));
  const met = desired.domains.filter(isMet).map(({ pattern }) => pattern);
  const value = { host: desired.host, domains, missing, met };
  return { value: hasErrors(matcher.diagnostics) ? undefined : value, diagnostics: matcher.diagnostics };
}

function matches(entry: { readonly pattern: string; readonly isGlob: boolean }, name: string): boolean {
  return entry.isGlob ? globMatches(entry.pattern, name) : entry.pattern === name;
}

/** A disk has several names: `xvda`, `0xca00` and `51712` are one (xen-vbd-interface(7)). */
function isDisk(entry: DesiredDiskPattern, vdev: string): boolean {
  return matches(entry, vdev) || (!entry.isGlob && sameVdev(entry.pattern, vdev));
}

/** Values that are taken whole: half of one and half of another would be neither. */
const WHOLE = new Set(["ready", "size", "move.snapshot.size", "move.window"]);

/** How near an entry is to a guest: an exact name beats a glob. */
function nearness(entry: { readonly isGlob: boolean }): number {
  return entry.isGlob ? 0 : 1;
}

interface DiskEntry {
  readonly domain: DesiredDomainPattern;
  readonly disk: DesiredDiskPattern;
}

class Matcher {
  readonly diagnostics: Diagnostic[] = [];
  private readonly told = new Set<string>();

  constructor(private readonly host: string) {}

  domain(found: FoundDomain, entries: readonly DesiredDomainPattern[]): DesiredDomain {
    const nearest = entries.findLast((entry) => !entry.isGlob) ?? entries[0];
    const subject = { host: this.host, domain: found.name };
    const merged = mergeLayers(entries.flatMap(domainLayers), WHOLE);
    this.conflicts(merged.conflicts, subject);
    const { ready, move } = merged.value as { ready?: ReadyCheck; move?: MoveOptions };
    this.once(unpairedOf(move ?? {}, entries), subject);
    this.unknownDisks(found, entries);
    const disks = found.vdevs.flatMap((vdev) => {
      const asked = entries.flatMap((domain) => {
        return domain.disks.filter((disk) => isDisk(disk, vdev)).map((disk) => ({ domain, disk }));
      });
      return asked.length === 0 ? [] : this.disk({ ...subject, vdev }, asked, entries);
    });
    return {
      name: found.name, at: nearest?.at ?? NOWHERE, disks, move: move ?? {}, ...(ready === undefined ? {} : { ready }),
    };
  }

  private disk(
    subject: Required<Subject>, asked: readonly DiskEntry[], entries: readonly DesiredDomainPattern[],
  ): DesiredDisk[] {
    const { domain, vdev } = subject;
    const layers = asked.map((entry) => diskLayer(entry, domain, vdev));
    const merged = mergeLayers([...layers, ...entries.flatMap(domainMoveLayers)], WHOLE);
    this.conflicts(merged.conflicts, subject);
    const value = merged.value as MergedDisk;
    const [nearest] = [...asked].sort((a, b) => rankOf(b) - rankOf(a));
    if (nearest === undefined) return [];
    const at = nearest.disk.at;
    if (value.volume === undefined) {
      const fix = "Add volume: group/name, here or in a glob that means this disk";
      this.complain("missing-key", `nothing says which volume ${vdev} of ${domain} goes to`, subject, at, fix);
      return [];
    }
    const volumeAt = asked.findLast(({ disk }) => disk.volume?.({ domain, vdev }) === value.volume)?.disk.volumeAt ?? at;
    const problem = volumeNameProblem(value.volume);
    if (problem !== undefined) {
      this.complain("volume-name", `'${value.volume}' ${problem.problem}`, subject, volumeAt, problem.fix);
      return [];
    }
    const { size, filesystem, move } = value;
    return [{
      domain, vdev, volume: value.volume, at, volumeAt, move: move ?? {},
      ...(size === undefined ? {} : { bytes: size.bytes, sizeText: size.text }),
      ...(filesystem === undefined ? {} : { filesystem }),
    }];
  }

  /** The guests of a glob all come here with the same places. */
  private once(complaints: readonly Diagnostic[], subject: Subject): void {
    for (const complaint of complaints) {
      const key = complaint.at === undefined ? complaint.summary : placeText(complaint.at);
      if (this.told.has(key)) continue;
      this.told.add(key);
      this.diagnostics.push({ ...complaint, subject });
    }
  }

  /** A disk named exactly that the guest has not: an error where the guest is named too, else it is passed over. */
  private unknownDisks(found: FoundDomain, entries: readonly DesiredDomainPattern[]): void {
    for (const entry of entries) {
      for (const disk of entry.disks) {
        if (found.vdevs.some((vdev) => isDisk(disk, vdev))) continue;
        const has = found.vdevs.length === 0 ? "no disks" : found.vdevs.join(", ");
        const severity = entry.isGlob || disk.isGlob ? "note" : "error";
        const fix = didYouMean(disk.pattern, found.vdevs) ?? `Its config names ${has}`;
        const subject = { host: this.host, domain: found.name };
        const summary = `the guest '${found.name}' has no disk '${disk.pattern}'`;
        this.diagnostics.push({ severity, code: "unknown-disk", summary, at: disk.at, subject, fix });
      }
    }
  }

  private conflicts(conflicts: readonly Conflict[], subject: Subject): void {
    for (const conflict of conflicts) {
      // the guest's own options come up again with each of its disks
      const key = `${subject.domain ?? ""} ${placeText(conflict.first)} ${placeText(conflict.second)}`;
      if (this.told.has(key)) continue;
      this.told.add(key);
      this.diagnostics.push({
        severity: "error", code: "conflict", at: conflict.second, subject,
        summary: `two entries disagree on '${WRITTEN_AS[conflict.key] ?? conflict.key}' of the guest '${subject.domain ?? ""}'`,
        detail: `The other one: ${placeText(conflict.first)}. Neither is nearer than the other.`,
        fix: "Say it once, or under the guest's exact name, which beats a glob",
      });
    }
  }

  checkVolumes(domains: readonly DesiredDomain[]): void {
    const used = new Map<string, DesiredDisk>();
    for (const disk of domains.flatMap((domain) => domain.disks)) {
      const other = used.get(disk.volume);
      if (other === undefined) used.set(disk.volume, disk);
      else {
        this.diagnostics.push(duplicateVolume(
          this.host, disk.volume, { ...disk, at: disk.volumeAt }, { ...other, at: other.volumeAt },
        ));
      }
    }
  }

  private complain(code: string, summary: string, subject: Subject, at: SourceRange, fix?: string): void {
    this.diagnostics.push({ severity: "error", code, summary, at, subject, ...(fix === undefined ? {} : { fix }) });
  }
}

const NOWHERE: SourceRange = { source: { file: "playbook", text: "" }, start: 0, end: 0 };

interface MergedDisk {
  readonly volume?: string;
  readonly size?: { readonly bytes: number; readonly text: string };
  readonly filesystem?: DesiredDisk["filesystem"];
  readonly move?: MoveOptions;
}

/** Ranks: play 0 and 1, domain 2 and 3 (glob, exact), disks from 4 on (the guest's exactness before the disk's). */
function domainLayers(entry: DesiredDomainPattern): Layer[] {
  const ready: PlainMap = entry.ready === undefined ? {} : { ready: entry.ready };
  return [...domainMoveLayers(entry), layer(2 + nearness(entry), ready, entry, "")];
}

function domainMoveLayers(entry: DesiredDomainPattern): Layer[] {
  return [
    layer(nearness(entry), { move: entry.playMove }, entry, "play."),
    layer(2 + nearness(entry), { move: entry.move }, entry, ""),
  ];
}

function layer(rank: number, value: PlainMap, entry: Pick<DesiredDomainPattern, "at" | "keyAt">, prefix: string): Layer {
  return { rank, value, place: (key) => placeOfKey(entry, prefix, key) };
}

function rankOf({ domain, disk }: DiskEntry): number {
  return 4 + 2 * nearness(domain) + nearness(disk);
}

function diskLayer(entry: DiskEntry, domain: string, vdev: string): Layer {
  const { disk } = entry;
  const value: Record<string, unknown> = { move: disk.move };
  if (disk.volume !== undefined) value["volume"] = disk.volume({ domain, vdev });
  if (disk.bytes !== undefined) value["size"] = { bytes: disk.bytes, text: disk.sizeText ?? "" };
  if (disk.filesystem !== undefined) value["filesystem"] = disk.filesystem;
  return { rank: rankOf(entry), value, place: (key) => placeOfKey(disk, "", key) };
}

/** Keys of the playbook behind keys of the model, where they differ. */
const WRITTEN_AS: Readonly<Record<string, string>> = {
  "move.downtimeSeconds": "move.downtime",
  "move.keepForSeconds": "move.keep_for",
  "move.shutdownTimeoutSeconds": "move.shutdown.timeout",
  "move.destroy": "move.shutdown.destroy",
  "move.rehearseConsole": "move.rehearse.console",
  "move.rehearseTimeoutSeconds": "move.rehearse.timeout",
  "move.throttle.bandwidthBytesPerSecond": "move.throttle.bandwidth",
  "move.throttle.ioWeight": "move.throttle.weight",
};

function placeOfKey(entry: Pick<DesiredDomainPattern, "at" | "keyAt">, prefix: string, key: string): SourceRange {
  const name = prefix + (WRITTEN_AS[key] ?? key);
  return Object.hasOwn(entry.keyAt, name) ? (entry.keyAt[name] ?? entry.at) : entry.at;
}
