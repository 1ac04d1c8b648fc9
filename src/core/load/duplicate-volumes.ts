import type { DesiredHost } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import { lineColumn } from "../model/source.js";

interface Use {
  readonly domain: string;
  readonly vdev: string;
  readonly at: SourceRange;
}

/**
 * Two disks that want one volume on one host, as far as the playbook alone shows it: guests and disks named exactly.
 * Those that globs stand for are looked at once the guests are known.
 */
export function duplicateVolumes(desired: DesiredHost): Diagnostic[] {
  const used = new Map<string, Use>();
  const diagnostics: Diagnostic[] = [];
  for (const domain of desired.domains.filter((d) => !d.isGlob)) {
    for (const disk of domain.disks.filter((d) => !d.isGlob)) {
      const volume = disk.volume?.({ domain: domain.pattern, vdev: disk.pattern });
      if (volume === undefined || disk.volumeAt === undefined) continue;
      const use = { domain: domain.pattern, vdev: disk.pattern, at: disk.volumeAt };
      const other = used.get(volume);
      if (other === undefined) used.set(volume, use);
      else if (other.domain !== use.domain || other.vdev !== use.vdev) {
        diagnostics.push(duplicateVolume(desired.host, volume, use, other));
      }
    }
  }
  return diagnostics;
}

/** The complaint about a disk whose volume another disk of the same host has. */
export function duplicateVolume(host: string, volume: string, use: Use, other: Use): Diagnostic {
  const who = other.domain === use.domain ? `${other.vdev} of the same guest` : `${other.vdev} of ${other.domain}`;
  return {
    severity: "error", code: "duplicate-volume", at: use.at, subject: { host, domain: use.domain, vdev: use.vdev },
    summary: `the volume '${volume}' is given to two disks`,
    detail: `It is also that of ${who}: ${placeText(other.at)}.`,
    fix: "Give each disk a volume of its own",
  };
}

/** `playbooks/web.yml:12:9` */
export function placeText(at: SourceRange): string {
  const { line, column } = lineColumn(at.source.text, at.start);
  return `${at.source.file}:${line}:${column}`;
}
