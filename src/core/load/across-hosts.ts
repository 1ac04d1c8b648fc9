import type { Diagnostic } from "../model/diagnostic.js";
import type { LoadedPlay } from "./load-playbooks.js";
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

/** What there is to know besides those hosts. */
export interface AcrossOptions {
  /** Whether every host that was to be looked at was read: without it nothing can be said of `--domain`. */
  readonly complete: boolean;
  /** What is asked of hosts that were not read; see {@link askedElsewhere}. */
  readonly elsewhere: AskedElsewhere;
  /** Globs of `--domain`. */
  readonly only?: readonly string[];
}

/** Names and globs of guests that are asked for on hosts that were not read: they may be there. `any`: nobody knows which. */
export type AskedElsewhere = ReadonlySet<string> | "any";

/**
 * The rules that only all hosts together can break: a guest that is missing on one host is skipped there, one that
 * is missing on every host that it is asked for on is an error, unless one of those was not read; one that two hosts
 * define is refused, for starting it on the wrong one would destroy it.
 * @param hosts those that could be read
 */
export function acrossHosts(hosts: readonly HostMatch[], { complete, elsewhere, only = [] }: AcrossOptions): Diagnostic[] {
  return [...notFound(hosts, elsewhere, complete), ...(complete ? unmatched(hosts, only) : []), ...definedTwice(hosts)];
}

/**
 * What plays ask for on hosts that were not read: some could not be, others `-l` left out.
 * @param read names of those that were
 */
export function askedElsewhere(plays: readonly LoadedPlay[], read: ReadonlySet<string>): AskedElsewhere {
  const patterns = new Set<string>();
  for (const { desired, leftOut = [] } of plays) {
    if (leftOut === "any") return "any";
    const unread = desired.filter(({ host }) => !read.has(host)).flatMap(({ domains }) => domains);
    for (const pattern of [...leftOut, ...unread.map((entry) => entry.pattern)]) patterns.add(pattern);
  }
  return patterns;
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

/** Globs of `--domain` that mean none of these guests, where no playbook names any. */
export function globsWithoutGuest(only: readonly string[], guests: readonly string[]): Diagnostic[] {
  return only.filter((glob) => !guests.some((name) => globMatches(glob, name))).map((glob) => withoutGuest(glob, guests));
}

function withoutGuest(glob: string, guests: readonly string[]): Diagnostic {
  const fix = didYouMean(glob, guests);
  return {
    severity: "error", code: "unknown-domain", summary: `--domain '${glob}' matches no guest`,
    ...(fix === undefined ? {} : { fix }),
  };
}

/** Entries that no guest answers to on any host that they are asked of; what another play asks of another host is no answer. */
function notFound(hosts: readonly HostMatch[], elsewhere: AskedElsewhere, complete: boolean): Diagnostic[] {
  const met = new Set(hosts.flatMap(({ matched }) => matched.met));
  const entries = new Map<string, { readonly entry: MissingDomain; readonly hosts: HostMatch[] }>();
  for (const host of hosts) {
    for (const entry of host.matched.missing.filter(({ pattern }) => !met.has(pattern))) {
      const place = placeText(entry.at);
      const known = entries.get(place);
      if (known === undefined) entries.set(place, { entry, hosts: [host] });
      else known.hosts.push(host);
    }
  }
  const mayBeElsewhere = ({ pattern }: MissingDomain): boolean => elsewhere === "any" || elsewhere.has(pattern);
  const missing = [...entries.values()].filter(({ entry }) => !mayBeElsewhere(entry));
  const passed = [...entries.values()].map(({ entry }) => entry).filter((entry) => !entry.isGlob && mayBeElsewhere(entry));
  return [
    ...missing.map((one) => missingOn(one.entry, one.hosts, hosts)),
    // where a host did not answer, that is what there is to say
    ...(complete && passed.length > 0 ? [passedOver([...new Set(passed.map(({ pattern }) => pattern))])] : []),
  ];
}

/** So many names are told; the others are counted. */
const NAMES_TOLD = 5;

/** Without it a slip of the pen would pass for a guest of a host that `-l` left out. */
function passedOver(names: readonly string[]): Diagnostic {
  const more = names.length > NAMES_TOLD ? ` and ${names.length - NAMES_TOLD} more` : "";
  return {
    severity: "note", code: "unknown-domain",
    summary: `passed over, for they may be on hosts that --limit leaves out: ${names.slice(0, NAMES_TOLD).join(", ")}${more}`,
  };
}

/** @param asked the hosts that it is asked of @param all those of every play */
function missingOn(entry: MissingDomain, asked: readonly HostMatch[], all: readonly HostMatch[]): Diagnostic {
  const [first] = asked;
  const where = asked.length === 1 ? `on ${first?.matched.host ?? ""}` : `on any of the ${asked.length} hosts`;
  if (entry.isGlob) {
    const summary = `no guest ${where} matches '${entry.pattern}'`;
    return { severity: "warning", code: "unknown-domain", summary, at: entry.at };
  }
  const owner = all.find(({ found }) => found.some(({ name }) => name === entry.pattern));
  const fix = owner === undefined ? didYouMean(entry.pattern, asked.flatMap(({ found }) => found.map(({ name }) => name)))
    : `It is on ${owner.matched.host}, which this play does not ask it of: name it in a play of that host.`;
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
