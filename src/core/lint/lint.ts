import type { Connection } from "../inventory/connection.js";
import { connectionOf } from "../inventory/connection.js";
import type { Inventory, ReadFiles, Variables } from "../inventory/inventory.js";
import { isSourceText } from "../inventory/inventory.js";
import type { Unlock } from "../inventory/vault.js";
import { leaveSealed, withoutSecrets } from "../inventory/vault.js";
import type { ReadInventory } from "../inventory/load-inventory.js";
import { readInventory } from "../inventory/load-inventory.js";
import { folderOf, joinPath } from "../inventory/variable-files.js";
import { placeOf } from "../load/document.js";
import { fillPlaybooks } from "../load/load-playbooks.js";
import type { ReadPlaybook } from "../load/read-playbook.js";
import { readPlaybook } from "../load/read-playbook.js";
import type { Diagnostic, Severity } from "../model/diagnostic.js";
import { stars } from "../model/secret-values.js";
import type { SourceRange, SourceText } from "../model/source.js";
import { ADJUSTABLE } from "./adjustable.js";
import { CONFIG_NAME, LintConfigs } from "./config.js";
import { discover, isPartOf } from "./discover.js";
import type { LintFiles } from "./lint-files.js";
import { rememberFiles } from "./lint-files.js";
import type { Mend } from "./mend.js";
import { mendsOf } from "./mend.js";
import { definitions, holdsVault } from "./project.js";
import type { Filling, LintedInventory, LintedPlaybook, Project } from "./project.js";
import { Recordings } from "./recordings.js";
import { plainSecret } from "./rules/plain-secret.js";
import { rules } from "./rules/registry.js";
import { Silences } from "./silences.js";

export interface LintRequest {
  /** Files and folders. */
  readonly paths: readonly string[];
  /** Sources of `-i`, read together; without any, configs say which, or those that are found are taken one by one. */
  readonly inventories: readonly string[];
  readonly extraVars: Variables;
  /** Decrypts vaults; without it they are left shut, and what depends on them is not judged. */
  readonly unlock?: Unlock;
}

export interface LintReport {
  /** By file and place; what is silenced or off is not among them. The code of a rule's finding is its name. */
  readonly findings: readonly Diagnostic[];
  /** Every file that was looked at. */
  readonly files: readonly string[];
  /** How many findings comments have silenced. */
  readonly silenced: number;
  /** What mends findings that take no judgement. */
  readonly mends: readonly Mend[];
}

/** Looks for what is wrong in playbooks, inventories and recordings. Nothing but the given files is read. */
export function lint(request: LintRequest, disk: LintFiles): LintReport {
  return new Linter(request, rememberFiles(disk)).run();
}

/** What a pattern means depends on the inventory: a complaint counts where every inventory makes it. */
const OF_INVENTORY = new Set(["host-pattern", "host-subscript"]);
/** Told by a rule, which knows every inventory. */
const BY_RULE = new Set(["no-hosts"]);

/** One inventory, and what it is beside playbooks that have variables of their own. */
interface Family {
  readonly sources: readonly string[];
  readonly read: ReadInventory;
  readonly files: string[];
  /** Without any playbook. */
  readonly alone: LintedInventory;
  /** By the playbook's folder; undefined where the variables there have errors. */
  readonly members: Map<string | undefined, LintedInventory | undefined>;
}

class Linter {
  private readonly configs: LintConfigs;
  private readonly recordings: Recordings;
  private readonly sources = new Map<string, SourceText>();
  private readonly found: Diagnostic[] = [];
  /** Files that were left shut, by path. */
  private readonly sealed = new Map<string, SourceRange>();

  constructor(
    private readonly request: LintRequest,
    private readonly disk: LintFiles,
  ) {
    this.configs = new LintConfigs(disk);
    this.recordings = new Recordings(disk);
  }

  run(): LintReport {
    const found = discover(this.request.paths, this.disk, this.configs, this.request.inventories);
    this.found.push(...found.diagnostics);
    // green because nothing was looked at is what a wrong path in CI would be
    if (this.request.inventories.length === 0) this.found.push(...found.bare.map(nothingIn));
    for (const path of this.request.paths) this.configs.of(this.disk.list(path) === undefined ? path : joinPath(path, CONFIG_NAME));
    for (const source of found.recordings) this.recordings.add(source);
    const families = this.inventorySources(found.inventories).flatMap((sources) => this.family(sources));
    // playbooks are judged by what -i gives; an inventory that is named besides is looked at by itself
    const besides = this.request.inventories.length === 0 ? [] : this.named(found.inventories, this.request.inventories).flatMap((path) => this.family([path]));
    const playbooks = found.playbooks.map((source) => this.playbook(source, families));
    const project: Project = {
      hasSealed: this.sealed.size > 0,
      inventories: [...families, ...besides].flatMap(({ members }) => [...members.values()].flatMap((member) => member ?? [])),
      playbooks, extraVars: this.request.extraVars,
      mode: (path) => this.disk.mode(path),
      facts: (host) => this.recordings.of(host),
    };
    for (const rule of Object.values(rules)) {
      for (const { severity, ...finding } of rule.check(project)) {
        this.found.push(withoutSecrets({ ...finding, code: rule.name, severity: severity ?? rule.severity }));
      }
    }
    this.found.push(...this.configs.diagnostics, ...this.recordings.diagnostics, ...this.noteOfVaults(project));
    return this.report();
  }

  private inventorySources(discovered: readonly string[]): readonly (readonly string[])[] {
    if (this.request.inventories.length > 0) return [this.request.inventories];
    const configured = this.configs.all.flatMap((config) => config.inventories ?? []);
    if (configured.length === 0) return discovered.map((path) => [path]);
    // what is named on the command line besides is linted too, by itself
    return [...configured, ...this.named(discovered, configured.flat()).map((path) => [path])];
  }

  /** Of the inventories that were found those that somebody has named, and that no source of others holds. */
  private named(discovered: readonly string[], others: readonly string[]): readonly string[] {
    return discovered.filter((path) => this.request.paths.includes(path) && !isPartOf(path, others));
  }

  private family(sources: readonly string[]): Family[] {
    const files: string[] = [];
    const read = readInventory(sources, this.watched(files, this.isNamed(sources)), {
      unlock: this.request.unlock ?? leaveSealed,
      ...(sources === this.request.inventories ? {} : { namedAt: (path) => this.configs.all.map((config) => config.placeOf(path)).find((at) => at !== undefined) }),
    });
    for (const at of read.sealed) this.sealed.set(at.source.file, at);
    const alone = this.member(sources, read, files, undefined);
    // a source that is left shut may name any host: what a playbook means there is not known
    return alone === undefined || read.sealed.length > 0 ? [] : [{ sources, read, files, alone, members: new Map([[undefined, alone]]) }];
  }

  private member(sources: readonly string[], read: ReadInventory, files: string[], folder: string | undefined): LintedInventory | undefined {
    const loaded = read.beside(folder);
    this.found.push(...loaded.diagnostics);
    if (loaded.value === undefined) return undefined;
    for (const at of loaded.value.sealed) this.sealed.set(at.source.file, at);
    return { sources, inventory: loaded.value, connections: this.connections(loaded.value), files };
  }

  /** The inventory as a playbook has it: with the variables that lie beside the playbook. */
  private besidePlaybook(family: Family, folder: string): LintedInventory | undefined {
    const holds = (name: string): boolean => this.disk.list(joinPath(folder, name)) !== undefined;
    // in the folder of the inventory they have been read
    const isOwn = family.read.folders.every((one) => one === folder);
    if (isOwn || !(holds("group_vars") || holds("host_vars"))) return family.alone;
    if (!family.members.has(folder)) family.members.set(folder, this.member(family.sources, family.read, family.files, folder));
    return family.members.get(folder);
  }

  /** Variables of connections have types and words of their own. */
  private connections(inventory: Inventory): ReadonlyMap<string, Connection> {
    const connections = new Map<string, Connection>();
    for (const host of inventory.hosts.values()) {
      const { value, diagnostics } = connectionOf(host, inventory, this.request.extraVars);
      this.found.push(...diagnostics);
      if (value !== undefined) connections.set(host.name, value);
    }
    return connections;
  }

  /** One for all vaults, at the first: that they were left shut, and something may have gone unseen. */
  private noteOfVaults({ inventories }: Project): Diagnostic[] {
    if (this.request.unlock !== undefined) return [];
    const values = definitions(inventories).filter(({ placed }) => holdsVault(placed.value));
    const [value] = values;
    const at = [...this.sealed.values()][0] ?? (value === undefined ? undefined : placeOf(value.placed));
    if (at === undefined) return [];
    const counts = [countOf(this.sealed.size, "vaulted file"), countOf(values.length, "vaulted value")].filter((count) => count !== "");
    return [{
      severity: "note", code: "vault-sealed", at, summary: `no password was given: ${counts.join(" and ")} left shut`,
      detail: "What depends on them is not judged.", fix: "Give --vault-password-file FILE, or --vault-id NAME@FILE",
    }];
  }

  /** Whether somebody has asked for an inventory: a program is not run for lying there. */
  private isNamed(sources: readonly string[]): boolean {
    return sources === this.request.inventories || this.configs.all.some((config) => config.inventories?.includes(sources) === true);
  }

  private watched(files: string[], mayRun: boolean): ReadFiles {
    return {
      ...(mayRun ? { run: (path: string, words: readonly string[]) => this.disk.run?.(path, words) } : {}),
      list: (path) => this.disk.list(path),
      read: (path) => {
        const read = this.disk.read(path);
        if (read !== undefined && isSourceText(read)) {
          files.push(path);
          this.sources.set(path, read);
        }
        return read;
      },
    };
  }

  private playbook(source: SourceText, families: readonly Family[]): LintedPlaybook {
    this.sources.set(source.file, source);
    const read = readPlaybook(source);
    const document = read.document === undefined ? {} : { document: read.document };
    const folder = folderOf(source.file);
    const inventories = families.map((family) => ({ family, inventory: this.besidePlaybook(family, folder) }));
    if (inventories.every(({ inventory }) => inventory === undefined)) this.found.push(...read.diagnostics);
    const fillings = inventories.flatMap(({ family, inventory }) => {
      return inventory === undefined ? [{ filling: { with: family.alone, loaded: undefined }, told: [] }] : [this.fill(read, inventory)];
    });
    this.found.push(...fillings.flatMap(({ told }) => told.filter(({ code }) => !OF_INVENTORY.has(code) && !BY_RULE.has(code))));
    const patterns = fillings.map(({ told }) => told.filter(({ code }) => OF_INVENTORY.has(code)));
    this.found.push(...(patterns[0] ?? []).filter((one) => patterns.every((others) => others.some((other) => keyOf(other) === keyOf(one)))));
    return { source, ...document, fillings: fillings.map(({ filling }) => filling) };
  }

  private fill(read: ReadPlaybook, inventory: LintedInventory): { readonly filling: Filling; readonly told: readonly Diagnostic[] } {
    const loaded = fillPlaybooks([read], inventory.inventory, { extraVars: this.request.extraVars });
    return { filling: { with: inventory, loaded: loaded.value }, told: loaded.diagnostics };
  }

  private report(): LintReport {
    const files = new Set([...this.sources.keys(), ...this.configs.all.map(({ source }) => source.file), ...this.recordings.files]);
    const silences = new Map([...this.sources].map(([file, source]) => [file, new Silences(source)]));
    const findings = masked(distinct(this.found));
    const kept = findings.filter(({ code, severity, at }) => {
      return !weighable(code, severity) || silences.get(at?.source.file ?? "")?.silence(code, at?.start ?? 0) !== true;
    });
    const silenced = findings.length - kept.length;
    // where reading has refused something, rules have not seen all: what they would find is not known
    const isWhole = !findings.some(({ code, severity }) => code === "vault-sealed" || (severity === "error" && !Object.hasOwn(rules, code)));
    const told = [...silences.values()].flatMap((silence) => [...silence.diagnostics, ...(isWhole ? silence.unused() : [])]);
    const weighed = [...kept, ...told].flatMap((finding) => this.weigh(finding));
    const order = sorted(weighed, [...files]);
    return { findings: order, files: [...files].sort(), silenced, mends: mendsOf(order, this.sources) };
  }

  /** A finding at the severity that the config of its file gives it. */
  private weigh(finding: Diagnostic): Diagnostic[] {
    const { code, severity, at } = finding;
    if (!weighable(code, severity) || at === undefined) return [finding];
    const level = this.configs.of(at.source.file)?.level(code, at.source.file);
    if (level === "off") return [];
    return [level === undefined ? finding : { ...finding, severity: level }];
  }
}

function nothingIn(path: string): Diagnostic {
  return {
    severity: "warning", code: "nothing-to-lint", summary: `no playbook, inventory or recording was found in ${path === "." ? "this folder" : `'${path}'`}`,
    fix: "Name the files themselves: what is named is looked at, whatever it looks like",
  };
}

function countOf(count: number, what: string): string {
  return count === 0 ? "" : `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Whether a config or a comment may change what a finding counts as. */
function weighable(code: string, severity: Severity): boolean {
  return Object.hasOwn(rules, code) || (ADJUSTABLE.has(code) && severity !== "error");
}

function keyOf({ code, at, summary }: Diagnostic): string {
  return `${code}\0${at === undefined ? summary : `${at.source.file}\0${at.start}\0${at.end}`}`;
}

/**
 * One thing is told once, however many inventories and hosts show it; and of a place that reading has refused no rule
 * says more.
 */
function distinct(findings: readonly Diagnostic[]): Diagnostic[] {
  const place = ({ at }: Diagnostic): string => at === undefined ? "" : `${at.source.file}\0${at.start}\0${at.end}`;
  const refused = new Set(findings.filter(({ code, severity, at }) => {
    return at !== undefined && severity === "error" && !Object.hasOwn(rules, code);
  }).map(place));
  const byKey = new Map<string, Diagnostic>();
  for (const finding of findings) {
    if (Object.hasOwn(rules, finding.code) && refused.has(place(finding))) continue;
    if (!byKey.has(keyOf(finding))) byKey.set(keyOf(finding), finding);
  }
  return [...byKey.values()];
}

/** Shorter ones stand in other words too, and would make them unreadable. */
const LEAST_SECRET = 6;

/** Nothing that is shown of a file shows a secret that was found in it. */
function masked(findings: readonly Diagnostic[]): Diagnostic[] {
  const texts = new Map<string, { readonly original: string; readonly source: SourceText; readonly secrets: readonly string[] }>();
  for (const { code, at } of findings) {
    if (code !== plainSecret.name || at === undefined) continue;
    const { file } = at.source;
    const { original, source, secrets } = texts.get(file) ?? { original: at.source.text, source: at.source, secrets: [] };
    const secret = original.slice(at.start, at.end);
    const text = source.text.slice(0, at.start) + stars(secret) + source.text.slice(at.end);
    const more = secret.length < LEAST_SECRET ? secrets : [...secrets, secret];
    texts.set(file, { original, source: { file, text: hidden(text, more) }, secrets: more });
  }
  return findings.map((finding) => {
    const { at, summary, detail, fix } = finding;
    const found = at === undefined ? undefined : texts.get(at.source.file);
    if (at === undefined || found === undefined) return finding;
    const { source, secrets } = found;
    return {
      ...finding, summary: hidden(summary, secrets),
      ...(detail === undefined ? {} : { detail: hidden(detail, secrets) }), ...(fix === undefined ? {} : { fix: hidden(fix, secrets) }),
      // a finding about a file as a whole brings no text along
      at: at.source.text === "" ? at : { ...at, source },
    };
  });
}

function hidden(text: string, secrets: readonly string[]): string {
  return secrets.reduce((before, secret) => before.replaceAll(secret, stars(secret)), text);
}

function sorted(findings: readonly Diagnostic[], files: readonly string[]): Diagnostic[] {
  const order = new Map([...files].sort().map((file, i) => [file, i]));
  const rank = ({ at }: Diagnostic): number => at === undefined ? -1 : (order.get(at.source.file) ?? files.length);
  return [...findings].sort((a, b) =>
    rank(a) - rank(b) || (a.at?.start ?? 0) - (b.at?.start ?? 0) || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
}

