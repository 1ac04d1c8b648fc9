import { acrossHosts } from "../load/across-hosts.js";
import type { HostMatch } from "../load/across-hosts.js";
import { foundDomains } from "../load/found-domains.js";
import { matchDomains } from "../load/match.js";
import { sha256 } from "../facts/sha256.js";
import type { DesiredDiskPattern, DesiredDomain, DesiredDomainPattern, DesiredHost } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { mistakeAbout } from "../model/own-mistake.js";
import type { SourceRange } from "../model/source.js";
import { planHost } from "../plan/plan-host.js";
import type { Filling, LintedPlaybook, Project } from "./project.js";

/** What a playbook would do on a host, by what is recorded of it. */
export interface FactsPlan {
  readonly state: HostState;
  /** Matched to the guests that the host had. */
  readonly wishes: readonly DesiredDomain[];
  /** What matching, planning and the checks say. */
  readonly diagnostics: readonly Diagnostic[];
  /** Where a guest's downtime is said, or else where the guest is named. */
  readonly downtimeAt: (wish: DesiredDomain) => SourceRange;
}

/** Digests are part of a plan, and nobody looks at them here. */
export function digestOf(text: string): string {
  return sha256(new TextEncoder().encode(text));
}

const known = new WeakMap<Project, readonly FactsPlan[]>();

/** Plans for every host that something is recorded of; made once, for several rules look at them. */
export function plansOnFacts(project: Project): readonly FactsPlan[] {
  const cached = known.get(project);
  if (cached !== undefined) return cached;
  const plans = project.playbooks.flatMap((playbook) => plansOf(playbook, project));
  known.set(project, plans);
  return plans;
}

function plansOf({ fillings }: LintedPlaybook, project: Project): FactsPlan[] {
  const filled = fillings.map((filling) => hostPlans(filling, project));
  const plans = filled.flatMap((one) => one.plans);
  const [first, ...rest] = plans;
  if (first === undefined) return [];
  const twice = filled.flatMap(({ matches }) => acrossHosts(matches, { complete: false, elsewhere: "any" }));
  // a guest is missing where every host that the playbook may be run on is known, and none has it
  const isComplete = filled.every((one) => one.isComplete);
  const missing = acrossHosts(filled.flatMap(({ matches }) => matches), { complete: false, elsewhere: isComplete ? new Set() : "any" }).filter(({ code }) => code === "unknown-domain");
  return [{ ...first, diagnostics: [...first.diagnostics, ...twice, ...missing] }, ...rest];
}

interface HostPlans {
  readonly plans: readonly FactsPlan[];
  readonly matches: readonly HostMatch[];
  /** Something is recorded of every host, and all that is asked of them is known. */
  readonly isComplete: boolean;
}

function hostPlans({ with: { inventory }, loaded }: Filling, project: Project): HostPlans {
  const plans: FactsPlan[] = [];
  const matches: HostMatch[] = [];
  for (const desired of loaded?.hosts ?? []) {
    const host = inventory.hosts.get(desired.host);
    const recorded = host === undefined ? undefined : project.facts(host);
    if (recorded === undefined) continue;
    const state = { ...recorded, host: { ...recorded.host, name: desired.host } };
    const found = foundDomains(state);
    const matched = matchDomains(desired, found);
    const planned = matched.value === undefined ? [] : planDiagnostics(state, matched.value.domains, desired);
    plans.push({
      state, wishes: matched.value?.domains ?? [], diagnostics: [...matched.diagnostics, ...planned],
      downtimeAt: (wish) => downtimeAt(desired, wish),
    });
    if (matched.value !== undefined) matches.push({ matched: matched.value, found });
  }
  return { plans, matches, isComplete: loaded !== undefined && loaded.sealed.size === 0 && matches.length === loaded.hosts.length };
}

/** A plan that is none is told where its first guest is named: the other recordings are looked at all the same. */
function planDiagnostics(state: HostState, wishes: readonly DesiredDomain[], { domains }: DesiredHost): readonly Diagnostic[] {
  try {
    return planHost(state, wishes, digestOf).diagnostics;
  } catch (error) {
    const at = (wishes[0] ?? domains[0])?.at;
    return [{ ...mistakeAbout(state.host.name, error), ...(at === undefined ? {} : { at }) }];
  }
}

function downtimeAt({ domains }: DesiredHost, wish: DesiredDomain): SourceRange {
  const entries = domains.filter(({ at }) => at === wish.at);
  const places = entries.map(({ keyAt }) => keyAt["move.downtime"] ?? keyAt["play.move.downtime"]);
  return places.find((place) => place !== undefined) ?? wish.at;
}

/** An entry for a disk as it was filled in for a host. */
export interface FilledDisk {
  readonly host: string;
  readonly state: HostState | undefined;
  /** Name or glob of the guest. */
  readonly domain: string;
  readonly disk: DesiredDiskPattern;
}

/** Every entry for a disk: for each host that something is recorded of, and once for all the others. */
export function filledDisks(project: Project): FilledDisk[] {
  return filledHosts(project).flatMap(({ host, state, domains }) => domains.flatMap(({ pattern, disks }) => {
    return disks.map((disk) => ({ host, state, domain: pattern, disk }));
  }));
}

/** Every entry for a guest, once where hosts share it. */
export function filledDomains(project: Project): readonly DesiredDomainPattern[] {
  return [...new Set(filledHosts(project).flatMap(({ domains }) => domains))];
}

interface FilledHost {
  readonly host: string;
  readonly state: HostState | undefined;
  readonly domains: readonly DesiredDomainPattern[];
}

/** Hosts that nothing is recorded of are the same to everybody, where the same is asked of them. */
function filledHosts(project: Project): FilledHost[] {
  const seen = new Set<readonly DesiredDomainPattern[]>();
  const filled: FilledHost[] = [];
  for (const { with: { inventory }, loaded } of project.playbooks.flatMap(({ fillings }) => fillings)) {
    for (const { host, domains } of (loaded?.plays ?? []).flatMap((play) => play.desired)) {
      const named = inventory.hosts.get(host);
      const state = named === undefined ? undefined : project.facts(named);
      if (state === undefined && seen.has(domains)) continue;
      seen.add(domains);
      filled.push({ host, state, domains });
    }
  }
  return filled;
}
