import type { Connection, ConnectionDefaults } from "../../core/inventory/connection.js";
import { whyNotCarried } from "../../core/inventory/carried.js";
import { connectionOf } from "../../core/inventory/connection.js";
import type { Inventory } from "../../core/inventory/inventory.js";
import { isSourceText } from "../../core/inventory/inventory.js";
import { expandLimit, matchLimit } from "../../core/inventory/pattern.js";
import { folderOf, joinPath } from "../../core/inventory/variable-files.js";
import type { AskedElsewhere } from "../../core/load/across-hosts.js";
import { askedElsewhere } from "../../core/load/across-hosts.js";
import type { LoadedPlay } from "../../core/load/load-playbooks.js";
import { loadInventory } from "../../core/inventory/load-inventory.js";
import { loadPlaybooks } from "../../core/load/load-playbooks.js";
import { globMatches } from "../../core/load/glob.js";
import { foundDomains } from "../../core/load/found-domains.js";
import { matchDomains } from "../../core/load/match.js";
import { didYouMean } from "../../core/load/suggest.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import { hasErrors } from "../../core/model/diagnostic.js";
import type { SourceText } from "../../core/model/source.js";
import type { SavedHost, SavedPlan } from "../../core/plan/saved.js";
import type { Batch } from "../run/apply.js";
import { hostRuns } from "../run/host-runs.js";
import type { Target } from "../run/target.js";
import type { Host } from "../hosts/host.js";
import { optionsToReach } from "./command-again.js";
import { Refusal, refusal } from "./failure.js";
import { localFiles, readText } from "./files.js";
import type { RunOptions } from "./options.js";
import type { Session } from "./session.js";
import type { Surroundings } from "./surroundings.js";
import { surroundings } from "./surroundings.js";

/** What a run is about: hosts, in which order they are taken, and what was noticed while reading it all. */
export interface Work {
  readonly targets: readonly Target[];
  readonly batches: readonly Batch[];
  readonly diagnostics: readonly Diagnostic[];
  /** What playbooks ask for on hosts other than these, which were read; unset where there is no playbook. */
  readonly askedElsewhere?: (read: ReadonlySet<string>) => AskedElsewhere;
  /** Hosts of a saved plan that has nothing for them: they are not looked at. */
  readonly idle?: readonly string[];
  readonly close: () => Promise<void>;
}

/** The text of an input file, or a refusal that says which file and what may have been meant. */
export function readInput(path: string, commands: readonly string[]): SourceText {
  const read = readText(path);
  if (read !== undefined && isSourceText(read)) return read;
  if (read !== undefined) throw new Refusal([read]);
  const looksLikeCommand = /^[a-z-]+$/.test(path);
  const fix = looksLikeCommand && commands.includes(path)
    ? `'${path}' is a command: it goes first, before the options: converge ${path} ...`
    : looksLikeCommand ? didYouMean(path, commands) : undefined;
  throw refusal("file-missing", `there is no ${looksLikeCommand ? "command and no " : ""}file '${path}'`, fix);
}

/** The folder whose group_vars and host_vars are read: that of the playbooks, if they agree on one. */
function playbookFolder(sources: readonly SourceText[]): string {
  const folders = [...new Set(sources.map((source) => folderOf(source.file)))];
  const [folder = "."] = folders;
  const holds = (name: string): boolean => folders.some((at) => localFiles.list(joinPath(at, name)) !== undefined);
  if (folders.length === 1 || !(holds("group_vars") || holds("host_vars"))) return folder;
  throw refusal("playbook-folders", "these playbooks lie in several folders, and group_vars or host_vars beside them",
    "Run them one after another: each has variables of its own.");
}

/** Hosts and wishes of playbooks. */
export async function workFromPlaybooks(sources: readonly SourceText[], options: RunOptions, session: Session): Promise<Work> {
  const around = await surroundings(options, session, playbookFolder(sources));
  const limit = expandLimit(options.limit, localFiles);
  if (limit.value === undefined) throw new Refusal(limit.diagnostics);
  const loaded = loadPlaybooks(sources, around.inventory, {
    extraVars: around.extraVars, limit: limit.value,
  });
  const diagnostics = [...around.diagnostics, ...loaded.diagnostics];
  if (loaded.value === undefined) throw new Refusal(diagnostics);
  if (options.limit.length > 0 && loaded.value.hosts.length === 0) throw new Refusal([...diagnostics, nothingLeft("the playbooks'")]);
  const isAlone = loaded.value.hosts.length === 1;
  const opened = loaded.value.hosts.map((desired) => {
    const { value: connection, diagnostics: found } = connectionByName(desired.host, around);
    diagnostics.push(...found);
    return { desired, connection };
  });
  if (hasErrors(diagnostics)) throw new Refusal(diagnostics);
  const hosts: Host[] = [];
  const targets = opened.flatMap(({ desired, connection }): Target[] => {
    if (connection === undefined) return [];
    const host = session.openHost(desired.host, connection, isAlone);
    hosts.push(host);
    return [{
      name: desired.host, connection, reach: () => optionsToReach(desired.host, connection, options, around), runs: hostRuns(host), observe: (leave) => session.observe(host, leave),
      wishes: (state) => matchDomains(desired, foundDomains(state), options.domain),
    }];
  });
  const { plays } = loaded.value;
  return {
    targets, batches: batchesOf(plays), diagnostics, askedElsewhere: (read) => askedElsewhere(plays, read), close: () => closeAll(hosts),
  };
}

/** Hosts and wishes of a saved plan. With `-i` how hosts are reached comes from there alone, `-l` and `--domain` take a part of it. */
export async function workFromSavedPlan(saved: SavedPlan, options: RunOptions, session: Session): Promise<Work> {
  const around = await surroundings(options, session);
  const diagnostics = [...around.diagnostics];
  const all = hostsOfPlan(saved);
  const names = limited(all, options.limit, around.inventory, diagnostics);
  if (all.length > 0 && !all.some((host) => names.has(host))) diagnostics.push(nothingLeft("the plan's"));
  diagnostics.push(...options.domain.flatMap((glob): Diagnostic[] => {
    const known = saved.hosts.some(({ desired }) => desired.some((wish) => globMatches(glob, wish.name)));
    return known ? [] : [{ severity: "error", code: "unknown-domain", summary: `--domain '${glob}' matches no guest of the plan` }];
  }));
  const opened = saved.hosts.filter(({ host }) => names.has(host)).map((savedHost) => {
    const { value: connection, diagnostics: found } = options.inventory.length > 0 ? connectionInstead(savedHost, around) : connectionCarried(savedHost, around);
    diagnostics.push(...found);
    return { savedHost, connection };
  });
  // before any host is opened: what the plan says of one may be what must not be done
  if (hasErrors(diagnostics)) throw new Refusal(diagnostics);
  const hosts: Host[] = [];
  const targets = opened.flatMap(({ savedHost, connection }): Target[] => {
    if (connection === undefined) return [];
    const { host: name } = savedHost;
    const host = session.openHost(name, connection, saved.hosts.length === 1);
    hosts.push(host);
    const domains = savedHost.desired.filter((wish) => wanted(wish.name, options.domain));
    return [{
      name, connection, reach: () => optionsToReach(name, connection, options, around), history: savedHost.history, runs: hostRuns(host), observe: (leave) => session.observe(host, leave),
      wishes: () => ({ value: { domains, missing: [], met: [] }, diagnostics: [] }),
    }];
  });
  const planned = new Set(saved.hosts.map(({ host }) => host));
  return {
    targets, batches: limitedTo(names, saved.batches), diagnostics, idle: all.filter((host) => names.has(host) && !planned.has(host)), close: () => closeAll(hosts),
  };
}

/** What a play permits to fail is a share of the hosts that are taken: one that `-l` leaves out is none that went well. */
function limitedTo(names: ReadonlySet<string>, batches: readonly Batch[]): readonly Batch[] {
  return batches.map((batch) => ({ ...batch, hosts: batch.hosts.filter((name) => names.has(name)) })).filter(({ hosts }) => hosts.length > 0);
}

/** Every host that the plan was made for, with those that it found nothing to do on, in the order in which they are taken. */
function hostsOfPlan({ batches, hosts }: SavedPlan): readonly string[] {
  return [...new Set([...batches.flatMap((batch) => batch.hosts), ...hosts.map(({ host }) => host)])];
}

/** How an inventory says that a host of a plan is reached: what the plan itself says of it does not count then. */
function connectionInstead({ host }: SavedHost, around: Surroundings): ReturnType<typeof connectionOf> {
  if (around.inventory.hosts.has(host)) return connectionByName(host, around);
  return {
    value: undefined,
    diagnostics: [{
      severity: "error", code: "not-in-inventory", subject: { host },
      summary: `'${host}' is a host of the plan, and the inventory does not have it`,
      fix: "Give the inventory that the plan was made with, or leave the host out with -l.",
    }],
  };
}

/** How a plan itself says that its host is reached, where that can run nothing on this machine. */
function connectionCarried({ host, connection }: SavedHost, around: Surroundings): ReturnType<typeof connectionOf> {
  const why = whyNotCarried(connection);
  if (why === undefined) return { value: withPassword(connection, around.defaults), diagnostics: [] };
  return {
    value: undefined,
    diagnostics: [{
      severity: "error", code: "saved-connection", subject: { host },
      summary: `the saved plan says that ${host} ${why}: a plan's word is not enough for that`,
      fix: "Give the inventory with -i: how the host is reached is then taken from there.",
    }],
  };
}

/** @param whose hosts `-l` was to take a part of */
function nothingLeft(whose: string): Diagnostic {
  return {
    severity: "error", code: "no-hosts", summary: `--limit leaves none of ${whose} hosts`,
    fix: "Name hosts or groups that are among them.",
  };
}

function limited(all: readonly string[], limit: readonly string[], inventory: Inventory, diagnostics: Diagnostic[]): ReadonlySet<string> {
  if (limit.length === 0) return new Set(all);
  // the plan's own hosts, where no inventory says which groups there are: patterns mean the same there
  const known = inventory.hosts.size > 0 ? { value: inventory, diagnostics: [] } : loadInventory([`${all.join(",")},`], localFiles);
  diagnostics.push(...known.diagnostics);
  // a limit that nobody can read leaves nothing
  if (known.value === undefined) return new Set();
  const matched = matchLimit(limit, known.value, localFiles);
  diagnostics.push(...matched.diagnostics);
  return new Set(matched.value ?? []);
}

function withPassword(connection: Connection, defaults: ConnectionDefaults): Connection {
  const { become } = connection;
  if (become === undefined || defaults.becomePassword === undefined) return connection;
  return { ...connection, become: { ...become, password: defaults.becomePassword } };
}

/** How to reach a host of the inventory. */
export function connectionByName(name: string, around: Surroundings): ReturnType<typeof connectionOf> {
  const host = around.inventory.hosts.get(name);
  if (host === undefined) throw new Error(`the host ${name} was planned and is not in the inventory`);
  return connectionOf(host, around.inventory, around.extraVars, around.defaults);
}

/** True where no `--domain` was given, or one of them means this guest. */
export function wanted(name: string, globs: readonly string[]): boolean {
  return globs.length === 0 || globs.some((glob) => globMatches(glob, name));
}

/** A host that several plays name is worked on once, where it first comes up: its wishes are one. */
function batchesOf(plays: readonly LoadedPlay[]): readonly Batch[] {
  const seen = new Set<string>();
  return plays.flatMap((play) => play.batches.flatMap((names): readonly Batch[] => {
    const hosts = names.filter((name) => !seen.has(name));
    hosts.forEach((name) => seen.add(name));
    // `any_errors_fatal: false` alone lets the hosts after a failed one go on
    const maxFailPercent = play.anyErrorsFatal ? 0 : (play.maxFailPercentage ?? 100);
    return hosts.length === 0 ? [] : [{ hosts, maxFailPercent }];
  }));
}

async function closeAll(hosts: readonly Host[]): Promise<void> {
  await Promise.allSettled(hosts.map((host) => host.close()));
}
