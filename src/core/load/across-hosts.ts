import type { Diagnostic } from "../model/diagnostic.js";
import type { FoundDomain, MatchedHost, MissingDomain } from "./match.js";
import { globMatches } from "./glob.js";
import { placeText } from "./duplicate-volumes.js";
import { didYouMean } from "./suggest.js";

/** What is known of one host of a play. */
export interface HostMatch {
  readonly matched: MatchedHost;
  /** Every guest on the host, asked for or not. */
  readonly found: readonly FoundDomain[];
}

/**
 * The rules that only all hosts together can break: a guest that is missing on one host is skipped there, one that
 * is missing on every host is an error; one that two hosts define is refused, for starting it on the wrong one would
 * destroy it.
 * @param hosts those that could be read
 * @param complete whether every host of the play could be read: without it nothing can be said to be missing
 * @param only globs of `--domain`
 */
export function acrossHosts(hosts: readonly HostMatch[], complete: boolean, only: readonly string[] = []): Diagnostic[] {
  return [...(complete ? [...missingEverywhere(hosts), ...unmatched(hosts, only)] : []), ...definedTwice(hosts)];
}

/** A glob of `--domain` that means no guest is a slip of the pen: to do nothing, and say that all is well, is no answer to it. */
function unmatched(hosts: readonly HostMatch[], only: readonly string[]): Diagnostic[] {
  const found = hosts.flatMap((host) => host.found.map((domain) => domain.name));
  const asked = hosts.flatMap(({ matched }) => matched.domains.map((domain) => domain.name));
  return only.filter((glob) => !asked.some((name) => globMatches(glob, name))).map((glob): Diagnostic => {
    const known = found.filter((name) => globMatches(glob, name));
    if (known.length > 0) {
      return {
        severity: "error", code: "unknown-domain",
        summary: `--domain '${glob}': nothing is asked of ${known.join(", ")}`,
        fix: "Name a guest that the playbook names, or leave --domain out.",
      };
    }
    return withoutGuest(glob, found);
  });
}

/** Names of `--domain` that are none of these guests'; a pattern may well mean nobody. */
export function namesWithoutGuest(only: readonly string[], guests: readonly string[]): Diagnostic[] {
  return only.filter((glob) => !/[*?[]/.test(glob) && !guests.some((name) => globMatches(glob, name))).map((glob) => withoutGuest(glob, guests));
}

function withoutGuest(glob: string, guests: readonly string[]): Diagnostic {
  const fix = didYouMean(glob, guests);
  return {
    severity: "error", code: "unknown-domain", summary: `--domain '${glob}' matches no guest`,
    ...(fix === undefined ? {} : { fix }),
  };
}

function missingEverywhere(hosts: readonly HostMatch[]): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const names = hosts.flatMap(({ found }) => found.map((domain) => domain.name));
  const seen = new Set<string>();
  for (const entry of hosts.flatMap(({ matched }) => matched.missing)) {
    const place = placeText(entry.at);
    if (seen.has(place) || names.some((name) => answers(entry, name))) continue;
    seen.add(place);
    diagnostics.push(missing(entry, names, hosts.map(({ matched }) => matched.host)));
  }
  return diagnostics;
}

function answers(entry: MissingDomain, name: string): boolean {
  return entry.isGlob ? globMatches(entry.pattern, name) : entry.pattern === name;
}

function missing(entry: MissingDomain, names: readonly string[], hosts: readonly string[]): Diagnostic {
  const where = hosts.length === 1 ? `on ${hosts[0] ?? ""}` : `on any of the ${hosts.length} hosts`;
  if (entry.isGlob) {
    const summary = `no guest ${where} matches '${entry.pattern}'`;
    return { severity: "warning", code: "unknown-domain", summary, at: entry.at };
  }
  const fix = didYouMean(entry.pattern, names);
  const summary = `there is no guest '${entry.pattern}' ${where}`;
  return { severity: "error", code: "unknown-domain", summary, at: entry.at, ...(fix === undefined ? {} : { fix }) };
}

function definedTwice(hosts: readonly HostMatch[]): Diagnostic[] {
  const owners = new Map<string, string[]>();
  for (const { matched, found } of hosts) {
    for (const name of new Set(found.map((domain) => domain.name))) {
      owners.set(name, [...(owners.get(name) ?? []), matched.host]);
    }
  }
  const diagnostics: Diagnostic[] = [];
  const seen = new Set<string>();
  for (const { matched } of hosts) {
    for (const domain of matched.domains) {
      const at = owners.get(domain.name) ?? [];
      if (at.length < 2 || seen.has(domain.name)) continue;
      seen.add(domain.name);
      diagnostics.push({
        severity: "error", code: "domain-on-two-hosts", at: domain.at, subject: { host: matched.host, domain: domain.name },
        summary: `the guest '${domain.name}' is defined on ${at.join(" and ")}`,
        detail: "Which of them owns its disk can not be told; moved on one, it would be stale on the other.",
        fix: "Remove the config from the host that does not run it, or limit the play with -l",
      });
    }
  }
  return diagnostics;
}
