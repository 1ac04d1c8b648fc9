import { isSourceText } from "../inventory/inventory.js";
import { joinPath } from "../inventory/variable-files.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import { CONFIG_NAME } from "./config.js";
import type { LintConfigs } from "./config.js";
import type { LintFiles } from "./lint-files.js";

/** What there is to be linted below some paths. */
export interface Discovered {
  readonly playbooks: readonly SourceText[];
  /** Each a source of its own, as `-i` would name it. */
  readonly inventories: readonly string[];
  readonly recordings: readonly SourceText[];
  /** Folders that were named, and hold nothing of it. */
  readonly bare: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

export type FileKind = "playbook" | "inventory" | "recording" | "config";

/** Folders that hold no file of their own kind: variables are read through the inventory that they belong to. */
const PASSED_OVER = /^(\..*|node_modules|group_vars|host_vars)$/;
const MAX_DEPTH = 40;

/**
 * Finds playbooks, inventories and recordings. A file that is named is taken for one of them in any case; in a folder
 * only what looks like one is taken, so that a repository may hold other YAML too.
 * @param given inventories that are given besides (`-i`): YAML of no form that is named and is no part of them is a playbook then, as a
 * run would take it
 */
export function discover(paths: readonly string[], files: LintFiles, configs: LintConfigs, given: readonly string[] = []): Discovered {
  const search = new Search(files, configs, given);
  for (const path of paths) search.path(path);
  return search;
}

class Search implements Discovered {
  readonly playbooks: SourceText[] = [];
  readonly inventories: string[] = [];
  readonly recordings: SourceText[] = [];
  readonly bare: string[] = [];
  readonly diagnostics: Diagnostic[] = [];
  private readonly seen = new Set<string>();
  private taken = 0;

  constructor(
    private readonly files: LintFiles,
    private readonly configs: LintConfigs,
    private readonly given: readonly string[],
  ) {}

  path(path: string): void {
    const names = this.files.list(path);
    if (names !== undefined) {
      const before = this.taken;
      this.folder(path, names, 0);
      if (this.taken === before) this.bare.push(path);
      return;
    }
    const read = this.files.read(path);
    if (read === undefined) {
      const fix = "Name a playbook, an inventory, a recording, or a folder of them";
      this.diagnostics.push({ severity: "error", code: "file-missing", summary: `there is no file '${path}'`, fix });
    } else if (!isSourceText(read)) this.diagnostics.push(read);
    else this.take(read, kindOf(read) ?? this.kindOfNamed(read));
  }

  private kindOfNamed({ file, text }: SourceText): FileKind {
    const begins = /^\s*(?:#.*\n\s*|---\s*\n\s*)*(-(?=\s|$)|\[)?/.exec(text)?.[1];
    // a section of an INI file begins like a list in JSON
    if (begins === "-" || (begins === "[" && /\.(ya?ml|json)$/.test(file))) return "playbook";
    return this.given.length > 0 && /\.ya?ml$/.test(file) && !isPartOf(file, this.given) ? "playbook" : "inventory";
  }

  private folder(path: string, names: readonly string[], depth: number): void {
    if (depth > MAX_DEPTH) return;
    for (const name of [...names].sort()) {
      const child = joinPath(path, name);
      if (PASSED_OVER.test(name) || this.configs.of(child)?.ignores(child) === true) continue;
      const below = this.files.list(child);
      if (below !== undefined) this.folder(child, below, depth + 1);
      else if (mayBeOurs(name, path)) this.file(child);
    }
  }

  private file(path: string): void {
    const read = this.files.read(path);
    // what can not be read and was not named may be anything
    if (read === undefined || !isSourceText(read)) return;
    const kind = kindOf(read);
    if (kind !== undefined) this.take(read, kind);
  }

  private take(source: SourceText, kind: FileKind): void {
    if (kind !== "config") this.taken += 1;
    if (this.seen.has(source.file)) return;
    this.seen.add(source.file);
    // a config that is named is met like any other: by the file that lies beside it
    if (kind === "config") this.configs.of(source.file);
    else if (kind === "playbook") this.playbooks.push(source);
    else if (kind === "inventory") this.inventories.push(source.file);
    else this.recordings.push(source);
  }
}

const INVENTORY_FOLDER = /(^|\/)(inventory|inventories)(\/|$)/;

function mayBeOurs(name: string, folder: string): boolean {
  return /\.(ya?ml|json|ini)$/.test(name) || /^(hosts|inventory)$/.test(name) || (!name.includes(".") && INVENTORY_FOLDER.test(folder));
}

/** How much of a file is looked at to tell what it is. */
const HEAD = 20_000;

/**
 * What a file looks like, by its text alone: what is too broken to be parsed must be told of too. Playbooks of
 * Ansible's own, with tasks or roles, are none of ours.
 */
export function kindOf({ file, text }: SourceText): FileKind | undefined {
  const name = file.slice(file.lastIndexOf("/") + 1);
  if (name === CONFIG_NAME) return "config";
  const head = text.slice(0, HEAD);
  // a program may be an inventory; none is run for being there
  if (head.startsWith("#!")) return undefined;
  if (name.endsWith(".json") && /"converge":\s*"recording"/.test(head)) return "recording";
  const isYaml = /\.(ya?ml|json)$/.test(name);
  const first = head.split(/\r?\n/).find((line) => !/^\s*(#.*|---.*|%.*)?$/.test(line)) ?? "";
  if (isYaml && /^\s*[-[]/.test(first)) {
    // a playbook in JSON can be named; what other lists in JSON are there for nobody knows
    if (name.endsWith(".json")) return undefined;
    const ansible = /^(-\s+|\s+)(tasks|roles|pre_tasks|post_tasks|handlers|import_playbook|include|gather_facts)\s*:/m.test(head);
    return !ansible && /(^|[-\s{,"'])(hosts?|domains)["']?\s*:/im.test(head) ? "playbook" : undefined;
  }
  if (/\.ya?ml$/.test(name) && !OF_ROLES.test(file) && isOnePlay(head)) return "playbook";
  if (isYaml) return /^(\s+|.*\{\s*)["']?(hosts|children)["']?\s*:/m.test(head) ? "inventory" : undefined;
  if (name.endsWith(".ini")) return INVENTORY_FOLDER.test(file) || /^(hosts|inventory)\b/.test(name) || /^\[\S+:(vars|children)\]/m.test(head) ? "inventory" : undefined;
  return "inventory";
}

/** Variables of a role of Ansible's: any names may stand there. */
const OF_ROLES = /(^|\/)(defaults|vars)\//;

/** A play without its dash: its domains are a map, and no inventory has these two as groups. */
function isOnePlay(head: string): boolean {
  return /^hosts\s*:/m.test(head) && /^domains\s*:[ \t]*(\{|(#.*)?\r?\n([ \t]*(#.*)?\r?\n)*[ \t]+[^\s#-])/m.test(head);
}

/** A source of an inventory, what lies below one, and the variables beside one. */
export function isPartOf(path: string, inventories: readonly string[]): boolean {
  const plain = (one: string): string => one.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
  return /(^|\/)(group_vars|host_vars)\//.test(path) ||
    inventories.some((source) => [".", ""].includes(plain(source)) || plain(path) === plain(source) || plain(path).startsWith(`${plain(source)}/`));
}
