import type { DesiredHost } from "../../model/desired.js";
import type { SourceRange } from "../../model/source.js";
import { placeText } from "../../load/duplicate-volumes.js";
import { oneMachine } from "../machines.js";
import type { LintedInventory, Project } from "../project.js";
import type { Finding, Rule } from "../rule.js";

export const sharedVolume: Rule = {
  name: "shared-volume",
  about: "One volume is asked for under the names of two hosts that share it: one machine, or one volume group.",
  severity: "error",
  check: (project) => project.inventories.flatMap((linted) => {
    const places = placesOf(linted, project);
    if (places.size === 0) return [];
    const used = new Map<string, Use>();
    const found: Finding[] = [];
    for (const desired of desiredWith(linted, project)) {
      if (!places.has(desired.host)) continue;
      for (const use of usesOf(desired)) {
        const group = use.volume.slice(0, use.volume.indexOf("/"));
        for (const place of places.get(desired.host)?.(group) ?? []) {
          const key = `${place}\0${use.volume}`;
          const other = used.get(key);
          if (other === undefined) used.set(key, use);
          else if (other.host !== use.host) found.push(finding(use, other));
        }
      }
    }
    return found;
  }),
};

interface Use {
  readonly host: string;
  readonly domain: string;
  readonly vdev: string;
  readonly volume: string;
  readonly at: SourceRange;
}

function finding(use: Use, other: Use): Finding {
  return {
    at: use.at, subject: { host: use.host, domain: use.domain, vdev: use.vdev },
    summary: `the volume '${use.volume}' is the same on ${other.host} and ${use.host}`,
    detail: `It is also asked for by ${other.vdev} of ${other.domain} on ${other.host}: ${placeText(other.at)}.`,
    fix: "Move the guest on the one host that owns it",
  };
}

/** For hosts that may share volumes: what a volume group of theirs is, whatever they call it. */
function placesOf(linted: LintedInventory, project: Project): ReadonlyMap<string, (group: string) => readonly string[]> {
  const places = new Map<string, (group: string) => readonly string[]>();
  for (const { address, hosts } of oneMachine(linted)) {
    for (const host of hosts) places.set(host.name, () => [`machine ${address}`]);
  }
  for (const host of linted.inventory.hosts.values()) {
    const groups = project.facts(host)?.volumeGroups;
    const before = places.get(host.name);
    if (groups === undefined) continue;
    places.set(host.name, (group) => [...(before?.(group) ?? []), ...(groups[group] === undefined ? [] : [`group ${groups[group].uuid}`])]);
  }
  return places;
}

function desiredWith(linted: LintedInventory, { playbooks }: Project): DesiredHost[] {
  return playbooks.flatMap(({ fillings }) => fillings.filter((filling) => filling.with === linted).flatMap(({ loaded }) => loaded?.hosts ?? []));
}

/** Volumes that the playbook alone names: those of globs are known once the guests are. */
function usesOf({ host, domains }: DesiredHost): Use[] {
  return domains.filter((domain) => !domain.isGlob).flatMap((domain) => domain.disks.flatMap((disk): Use[] => {
    if (disk.isGlob || disk.volume === undefined || disk.volumeAt === undefined) return [];
    const volume = disk.volume({ domain: domain.pattern, vdev: disk.pattern });
    return [{ host, domain: domain.pattern, vdev: disk.pattern, volume, at: disk.volumeAt }];
  }));
}
