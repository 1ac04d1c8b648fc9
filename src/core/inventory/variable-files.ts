import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import type { Placed } from "../load/document.js";
import { isMap, typeName } from "../load/document.js";
import { oddVariableName, readAnsibleYaml } from "../load/ansible-yaml.js";
import type { NumberReading } from "../load/exact-number.js";
import type { ReadFiles, Variables } from "./inventory.js";
import { isSourceText } from "./inventory.js";
import type { Unlock } from "./vault.js";
import { openFile } from "./vault.js";

const EXTENSIONS = ["", ".yml", ".yaml", ".json"];
const MAX_DEPTH = 40;

export const NO_VARIABLES: Variables = new Map();

/** Variables from group_vars and host_vars of some folders. */
export interface VariableFiles {
  /** Of groups in order, weakest first: all of one folder below all of the next, as Ansible's plugin gives them. */
  groups(names: readonly string[]): Variables;
  host(name: string): Variables;
}

/** What reading files of variables needs. */
export interface Reading {
  readonly files: ReadFiles;
  readonly diagnostics: Diagnostic[];
  readonly numbers: NumberReading;
  readonly unlock?: Unlock;
  /** Where files that are left shut are put. */
  readonly sealed: SourceRange[];
}

/**
 * group_vars and host_vars in the given folders, later folders above earlier ones (plugins/vars/host_group_vars.py): as a
 * file (`all`, `all.yml`, `.yaml`, `.json`) or as a folder of files. Each is read when a name is asked for, and once.
 */
export function variableFiles(folders: readonly string[], reading: Reading): VariableFiles {
  // of a folder that is named twice, the last place counts
  const stores = folders.filter((folder, i) => folders.lastIndexOf(folder) === i)
    .map((folder) => ({ groups: new FolderOfVariables(folder, "group_vars", reading), hosts: new FolderOfVariables(folder, "host_vars", reading) }));
  return {
    groups: (names) => joined(stores.flatMap(({ groups }) => names.map((name) => groups.of(name)))),
    host: (name) => joined(stores.map(({ hosts }) => hosts.of(name))),
  };
}

function joined(layers: readonly Variables[]): Variables {
  const full = layers.filter((layer) => layer.size > 0);
  if (full.length < 2) return full[0] ?? NO_VARIABLES;
  return new Map(full.flatMap((layer) => [...layer]));
}

/** One group_vars or host_vars. */
class FolderOfVariables {
  private readonly known = new Map<string, Variables>();
  private readonly listings = new Map<string, ReadonlySet<string> | undefined>();
  private readonly path: string;

  constructor(folder: string, kind: string, private readonly reading: Reading) {
    this.path = joinPath(folder, kind);
  }

  of(name: string): Variables {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const vars = new Map<string, Placed>();
    for (const path of this.candidates(name)) readInto(path, vars, this.reading);
    this.known.set(name, vars);
    return vars;
  }

  /** The files that hold a name's variables, in the order in which they are read. */
  private candidates(name: string): string[] {
    if (this.listing(this.path) === undefined) return [];
    // a name may hold a slash, but none leads out of the folder
    if (name.startsWith("/") || name.split("/").some((part) => part === ".." || part === ".")) return [];
    const full = joinPath(this.path, name);
    const names = this.listing(folderOf(full));
    const last = full.slice(full.lastIndexOf("/") + 1);
    const extension = EXTENSIONS.find((ext) => names?.has(last + ext) === true);
    return extension === undefined ? [] : this.below(full + extension, 0);
  }

  private listing(path: string): ReadonlySet<string> | undefined {
    if (!this.listings.has(path)) {
      const names = this.reading.files.list(path);
      this.listings.set(path, names === undefined ? undefined : new Set(names));
    }
    return this.listings.get(path);
  }

  private below(path: string, depth: number): string[] {
    const names = this.reading.files.list(path);
    if (names === undefined) return [path];
    if (depth >= MAX_DEPTH) {
      this.reading.diagnostics.push({ severity: "error", code: "too-deep", summary: `'${path}' nests folders deeper than ${MAX_DEPTH} levels` });
      return [];
    }
    return [...names].sort().flatMap((name) => {
      if (name.startsWith(".") || name.endsWith("~")) return [];
      const child = joinPath(path, name);
      const dot = name.lastIndexOf(".");
      const extension = dot <= 0 ? "" : name.slice(dot);
      // a folder with a dot in its name is passed over, whatever follows the dot
      if (extension !== "" && (!EXTENSIONS.includes(extension) || this.reading.files.list(child) !== undefined)) return [];
      return this.below(child, depth + 1);
    });
  }
}

function readInto(path: string, vars: Map<string, Placed>, reading: Reading): void {
  const { files, diagnostics, numbers, unlock, sealed } = reading;
  const read = files.read(path);
  if (read === undefined) return;
  const source = isSourceText(read) ? openFile(read, unlock) : read;
  if (!isSourceText(source)) {
    if ("sealed" in source) sealed.push({ source: { file: path, text: "" }, start: 0, end: 0 });
    else diagnostics.push(source);
    return;
  }
  const { value: document, diagnostics: problems } = readAnsibleYaml(source, numbers);
  diagnostics.push(...problems);
  if (document === undefined || isEmpty(document.value)) return;
  if (!isMap(document.value)) {
    diagnostics.push({
      severity: "error", code: "variables-form", at: document.locate([]),
      summary: `a file of variables is a map, not ${typeName(document.value)}`,
    });
    return;
  }
  for (const [key, value] of Object.entries(document.value)) {
    const odd = oddVariableName(document, [key]);
    if (odd !== undefined) diagnostics.push(odd);
    vars.set(key, { value, document, path: [key] });
  }
}

/** What Python takes for false: Ansible passes such a file over. */
function isEmpty(value: unknown): boolean {
  return value === null || value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}

/** `a/b`, whatever `a` ends in; a folder of `.` is left out. */
export function joinPath(folder: string, name: string): string {
  if (folder === "" || folder === ".") return name;
  return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

/** The folder that a path is in: `.` for a bare name. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "." : slash === 0 ? "/" : path.slice(0, slash);
}
