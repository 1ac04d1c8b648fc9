import type { DesiredDomainPattern, DesiredHost } from "../model/desired.js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceRange, SourceText } from "../model/source.js";
import type { Inventory, InventoryHost, Variables } from "../inventory/inventory.js";
import { withoutQuoted } from "../inventory/vault.js";
import { matchHosts, matchParts } from "../inventory/pattern.js";
import type { Document, Path, Placed, PlainMap } from "./document.js";
import { isMap, lazily, own } from "./document.js";
import { atMost } from "./at-most.js";
import { duplicateVolumes } from "./duplicate-volumes.js";
import type { FilledPlay } from "./fill-play.js";
import { fillPlay, hasTemplates, pathKey } from "./fill-play.js";
import { playScope, scopeOf } from "./host-scope.js";
import { PlayReader } from "./play-reader.js";
import { readDomain } from "./read-domain.js";
import { readMove } from "./read-move.js";
import type { SecretPaths } from "./secret-paths.js";
import { HostKeys, namesUsed } from "./used-variables.js";
import { unpairedOn } from "./window-pairs.js";
import type { ReadPlaybook } from "./read-playbook.js";
import { checkFilled, readPlaybook } from "./read-playbook.js";
import type { PlayData } from "./schema/playbook.js";

export interface LoadOptions {
  /** Variables of `-e`, see {@link readExtraVars}. */
  readonly extraVars?: Variables;
  /** Patterns of `-l`, see {@link expandLimit}; no limit where there is none. */
  readonly limit?: readonly string[];
}

/** A play, ready to be planned. */
export interface LoadedPlay {
  readonly name: string;
  /** Hosts in the order in which they are worked on, `-l` applied. */
  readonly hosts: readonly string[];
  /**
   * Names and globs of the guests that it asks for on hosts which `-l` left out, where there are such hosts; `any`: only their
   * variables say which.
   */
  readonly leftOut?: readonly string[] | "any";
  /** How many hosts at a time, as it was written; see {@link batches}. */
  readonly serial: number | { readonly percent: number };
  /** The hosts in batches of `serial`. */
  readonly batches: readonly (readonly string[])[];
  /** Stop at the first failure. */
  readonly anyErrorsFatal: boolean;
  /** Stop when more than this share of a batch has failed. */
  readonly maxFailPercentage?: number;
  /** One for each of `hosts`, in that order. */
  readonly desired: readonly DesiredHost[];
  readonly at: SourceRange;
}

export interface LoadedPlaybooks {
  readonly plays: readonly LoadedPlay[];
  /** What all plays together ask for, a host each, in the order in which hosts first come up. */
  readonly hosts: readonly DesiredHost[];
  /** Hosts of which more is asked than is known: a part of it hangs on a vault that is left shut. */
  readonly sealed: ReadonlySet<string>;
}

/**
 * Playbooks to what they ask for on each host: YAML read, checked against the schema, templates filled in with each
 * host's variables, checked again, units resolved.
 * @param sources the playbooks' texts, in the order of the command line
 * @returns no value where anything is wrong; every complaint has its place
 */
export function loadPlaybooks(
  sources: readonly SourceText[], inventory: Inventory, options: LoadOptions = {},
): Checked<LoadedPlaybooks> {
  return fillPlaybooks(sources.map(readPlaybook), inventory, options);
}

/** As {@link loadPlaybooks}, of playbooks that have been read already: they may serve several inventories. */
export function fillPlaybooks(
  playbooks: readonly ReadPlaybook[], inventory: Inventory, options: LoadOptions = {},
): Checked<LoadedPlaybooks> {
  const loader = new Loader(inventory, options);
  const plays = playbooks.flatMap((playbook) => loader.playbook(playbook));
  const hosts = joined(plays);
  // a window that could not be read is there all the same
  const unpaired = hasErrors(loader.diagnostics) ? [] : hosts.flatMap(unpairedOn);
  const diagnostics = atMost(distinct([...loader.diagnostics, ...clashes(hosts), ...unpaired]));
  const sealed = new Set(plays.flatMap((play) => play.desired.filter(({ domains }) => domains === SEALED).map(({ host }) => host)));
  return { value: hasErrors(diagnostics) ? undefined : { plays, hosts, sealed }, diagnostics };
}

/** What is asked of a host where a vault is left shut. */
const SEALED: readonly DesiredDomainPattern[] = [];

/** What the plays ask for, host by host; hosts that the same is asked of share one list. */
function joined(plays: readonly LoadedPlay[]): DesiredHost[] {
  const parts = new Map<string, (readonly DesiredDomainPattern[])[]>();
  const ids = new Map<readonly DesiredDomainPattern[], number>();
  for (const { host, domains } of plays.flatMap((play) => play.desired)) {
    if (!ids.has(domains)) ids.set(domains, ids.size);
    const list = parts.get(host);
    if (list === undefined) parts.set(host, [domains]);
    else list.push(domains);
  }
  const lists = new Map<string, readonly DesiredDomainPattern[]>();
  return [...parts].map(([host, list]) => {
    const key = list.map((domains) => ids.get(domains)).join();
    const domains = lists.get(key) ?? list.flat();
    lists.set(key, domains);
    return { host, domains };
  });
}

function clashes(hosts: readonly DesiredHost[]): Diagnostic[] {
  const clean = new Set<readonly DesiredDomainPattern[]>();
  return hosts.flatMap((desired) => {
    if (clean.has(desired.domains)) return [];
    const found = duplicateVolumes(desired);
    if (found.length === 0) clean.add(desired.domains);
    return found;
  });
}

class Loader {
  readonly diagnostics: Diagnostic[] = [];
  private readonly read = new Map<string, readonly DesiredDomainPattern[]>();
  private readonly limit: ReadonlySet<string> | undefined;
  private readonly extra: Variables;

  constructor(
    private readonly inventory: Inventory,
    options: LoadOptions,
  ) {
    this.extra = options.extraVars ?? new Map<string, Placed>();
    this.limit = options.limit === undefined || options.limit.length === 0 ? undefined : this.readLimit(options.limit);
  }

  private readLimit(limit: readonly string[]): ReadonlySet<string> {
    const text = limit.join(",");
    const at = { source: { file: "--limit", text }, start: 0, end: text.length };
    const matched = matchParts(limit, this.inventory, at);
    this.diagnostics.push(...matched.diagnostics);
    return new Set(matched.value ?? []);
  }

  playbook({ document, isSound, diagnostics }: ReadPlaybook): LoadedPlay[] {
    this.diagnostics.push(...diagnostics);
    if (document === undefined || !isSound) return [];
    return (document.value as unknown[]).flatMap((play, i) => this.play(document, isMap(play) ? play : {}, [i]));
  }

  private play(document: Document, play: PlainMap, path: Path): LoadedPlay[] {
    const { vars, domains, move, ...head } = play;
    const playVars = variablesOf(document, vars, [...path, "vars"]);
    const filled = fillPlay(document, path, head, playScope(playVars, this.extra));
    this.diagnostics.push(...filled.diagnostics);
    if (hasErrors(filled.diagnostics)) return [];
    const header = this.strict(document, path, filled.value, filled.secrets);
    if (header === undefined) return [];
    const meant = this.hostsOf(header.hosts, lazily(() => document.locate([...path, "hosts"])), filled.secrets.touches([...path, "hosts"]));
    const hosts = meant.filter((host) => this.limit?.has(host.name) ?? true);
    const name = header.name ?? [header.hosts].flat().join(",");
    const body: PlainMap = { ...(domains === undefined ? {} : { domains }), ...(move === undefined ? {} : { move }) };
    const shared = hasTemplates(body) ? undefined : this.body(document, path, body, name, playScope(playVars, this.extra));
    const keys = new HostKeys(namesUsed(body), [this.extra, playVars]);
    const alike = new Map<string, readonly DesiredDomainPattern[]>();
    const desired = hosts.map((host): DesiredHost => {
      if (shared !== undefined) return { host: host.name, domains: shared };
      const key = keys.keyOf(host);
      const known = alike.get(key);
      if (known !== undefined) return { host: host.name, domains: known };
      const before = this.diagnostics.length;
      const scope = scopeOf(host, this.inventory, { play: playVars, extra: this.extra });
      const domains = this.body(document, path, body, name, scope);
      // a complaint may be about the host's own variables, and has their place: it is looked for with each host
      if (this.diagnostics.length === before) alike.set(key, domains);
      return { host: host.name, domains };
    });
    const names = hosts.map((host) => host.name);
    const serial = readSerial(header.serial);
    const { max_fail_percentage: maxFailPercentage, any_errors_fatal: fatal } = header;
    return [{
      name, hosts: names, serial, batches: batches(names, serial), desired, at: lazily(() => document.locate(path)),
      ...(hosts.length === meant.length ? {} : { leftOut: guestsNamed(domains) }),
      anyErrorsFatal: fatal ?? maxFailPercentage === undefined,
      ...(maxFailPercentage === undefined ? {} : { maxFailPercentage }),
    }];
  }

  /** The second check, of what templates have made; types are what the schema says after it. */
  private strict(document: Document, path: Path, value: unknown, secrets: SecretPaths): PlayData | undefined {
    const complaints = checkFilled(document, Number(path[0]), value, secrets);
    this.diagnostics.push(...complaints);
    return complaints.length > 0 ? undefined : (value as PlayData);
  }

  private hostsOf(pattern: string | readonly string[], at: SourceRange, isSecret: boolean): InventoryHost[] {
    const matched = matchHosts(pattern, this.inventory, at);
    this.diagnostics.push(...(isSecret ? matched.diagnostics.map(withoutQuoted) : matched.diagnostics));
    const names = matched.value ?? [];
    if (names.length === 0 && matched.diagnostics.length === 0) {
      const summary = "no host of the inventory is meant by this";
      this.diagnostics.push({ severity: "warning", code: "no-hosts", summary, at });
    }
    return names.flatMap((name) => this.inventory.hosts.get(name) ?? []);
  }

  private body(
    document: Document, path: Path, body: PlainMap, name: string, scope: ReturnType<typeof playScope>,
  ): readonly DesiredDomainPattern[] {
    const filled = fillPlay(document, path, body, scope);
    this.diagnostics.push(...filled.diagnostics);
    if (hasErrors(filled.diagnostics) || !isMap(filled.value)) return [];
    if (filled.isSealed) return SEALED;
    // most hosts of a play are filled in alike: what is alike is checked and read once
    const key = pathKey([document.source.file, ...path]) + JSON.stringify(filled.value);
    const known = this.read.get(key);
    if (known !== undefined) return known.map((pattern) => withVolumes(pattern, path, filled.lateVolumes));
    const patterns = this.patterns(document, path, filled, name);
    this.read.set(key, patterns);
    return patterns;
  }

  private patterns(document: Document, path: Path, filled: FilledPlay, name: string): readonly DesiredDomainPattern[] {
    const data = this.strict(document, path, { hosts: "all", ...(filled.value as PlainMap) }, filled.secrets);
    if (data === undefined) return [];
    const reader = new PlayReader(document, name, filled.lateVolumes, filled.secrets);
    const playMove = readMove(data.move, [...path, "move"], reader);
    const places = reader.keyPlaces({ move: data.move }, path);
    const patterns = Object.entries(data.domains ?? {}).map(([pattern, domain]) => {
      return readDomain(pattern, domain, [...path, "domains", pattern], playMove, reader);
    });
    this.diagnostics.push(...reader.diagnostics);
    return patterns.map((pattern) => ({ ...pattern, keyAt: { ...prefixed(places), ...pattern.keyAt } }));
  }
}

/** A pattern that was read for another host, with this host's variables in its volumes. */
function withVolumes(
  pattern: DesiredDomainPattern, path: Path, lateVolumes: FilledPlay["lateVolumes"],
): DesiredDomainPattern {
  if (lateVolumes.size === 0) return pattern;
  return {
    ...pattern,
    disks: pattern.disks.map((disk) => {
      const volume = lateVolumes.get(pathKey([...path, "domains", pattern.pattern, "disks", disk.pattern, "volume"]));
      return volume === undefined ? disk : { ...disk, volume };
    }),
  };
}

/** Keys of `domains` as it was written; a template in its place may stand for any. */
function guestsNamed(domains: unknown): NonNullable<LoadedPlay["leftOut"]> {
  if (isMap(domains)) return Object.keys(domains);
  return domains === undefined || domains === null ? [] : "any";
}

/** Places of the play's own `move`, under names that do not collide with the domain's. */
function prefixed(places: Readonly<Record<string, SourceRange>>): Record<string, SourceRange> {
  return Object.fromEntries(Object.entries(places).map(([key, at]) => [`play.${key}`, at]));
}

function variablesOf(document: Document, vars: unknown, path: Path): Variables {
  const found = new Map<string, Placed>();
  if (!isMap(vars)) return found;
  for (const key of Object.keys(vars)) found.set(key, { value: own(vars, key), document, path: [...path, key] });
  return found;
}

function readSerial(serial: number | string | undefined): LoadedPlay["serial"] {
  if (serial === undefined) return 1;
  const text = String(serial).trim();
  return text.endsWith("%") ? { percent: Number.parseInt(text, 10) } : Number(text);
}

/** Hosts in batches; a share is of all of them, rounded down, at least one (as Ansible reckons it). */
export function batches(hosts: readonly string[], serial: LoadedPlay["serial"]): readonly (readonly string[])[] {
  const size = typeof serial === "number" ? serial : Math.max(1, Math.floor((hosts.length * serial.percent) / 100));
  const result: string[][] = [];
  for (let i = 0; i < hosts.length; i += size) result.push(hosts.slice(i, i + size));
  return result;
}

/** In the order of the files; the same mistake shows on every host that the play is filled in for: once is enough. */
function distinct(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  const files = [...new Set(diagnostics.map((d) => d.at?.source.file ?? ""))];
  const order = (d: Diagnostic): number => files.indexOf(d.at?.source.file ?? "");
  const sorted = [...diagnostics].sort((a, b) => order(a) - order(b) || (a.at?.start ?? 0) - (b.at?.start ?? 0));
  return sorted.filter((d) => {
    const place = d.at === undefined ? d.summary : `${d.at.source.file}:${d.at.start}:${d.at.end}`;
    const key = `${d.code}\0${place}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
