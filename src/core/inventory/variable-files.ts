import type { Diagnostic } from "../model/diagnostic.js";
import type { Placed } from "../load/document.js";
import { isMap, typeName } from "../load/document.js";
import { readYaml } from "../load/yaml.js";
import type { VariableFiles } from "./build.js";
import type { ReadFiles, Variables } from "./inventory.js";
import { isSourceText } from "./inventory.js";

const EXTENSIONS = ["", ".yml", ".yaml", ".json"];
const IGNORED = /(^\.|~$|\.(orig|bak|ini|cfg|retry|pyc|pyo)$)/;
const MAX_DEPTH = 10;

/**
 * group_vars and host_vars in the given folders, later folders above earlier ones: as a file (`all`, `all.yml`,
 * `.yaml`, `.json`) or as a folder of files. Each is read when a name is asked for, and once.
 */
export function variableFiles(folders: readonly string[], files: ReadFiles, diagnostics: Diagnostic[]): VariableFiles {
  const known = new Map<string, Variables>();
  const lookup = (kind: string, name: string): Variables => {
    const key = `${kind}/${name}`;
    const cached = known.get(key);
    if (cached !== undefined) return cached;
    const vars = new Map<string, Placed>();
    // a name with a slash would reach out of the folder
    if (!name.includes("/") && name !== ".." && name !== ".") {
      for (const folder of folders) {
        for (const path of candidates(joinPath(folder, kind), name, files)) readInto(path, vars, files, diagnostics);
      }
    }
    known.set(key, vars);
    return vars;
  };
  return { group: (name) => lookup("group_vars", name), host: (name) => lookup("host_vars", name) };
}

/** The files that hold a name's variables, in the order in which they are read. */
function candidates(folder: string, name: string, files: ReadFiles): string[] {
  const names = files.list(folder);
  if (names === undefined) return [];
  const extension = EXTENSIONS.find((ext) => names.includes(name + ext));
  if (extension === undefined) return [];
  return below(joinPath(folder, name + extension), files, 0);
}

function below(path: string, files: ReadFiles, depth: number): string[] {
  const names = files.list(path);
  if (names === undefined) return [path];
  if (depth >= MAX_DEPTH) return [];
  const kept = [...names].filter((name) => !IGNORED.test(name)).sort();
  return kept.flatMap((name) => {
    const child = joinPath(path, name);
    const dot = name.lastIndexOf(".");
    const known = EXTENSIONS.includes(dot <= 0 ? "" : name.slice(dot));
    return files.list(child) !== undefined || known ? below(child, files, depth + 1) : [];
  });
}

function readInto(path: string, vars: Map<string, Placed>, files: ReadFiles, diagnostics: Diagnostic[]): void {
  const read = files.read(path);
  if (read === undefined) return;
  if (!isSourceText(read)) {
    diagnostics.push(read);
    return;
  }
  if (read.text.startsWith("$ANSIBLE_VAULT;")) {
    const at = { source: read, start: 0, end: Math.max(0, read.text.indexOf("\n")) };
    diagnostics.push({
      severity: "error", code: "vaulted", summary: "this file is vaulted, and converge can not decrypt it yet", at,
      fix: "Give what is needed from it another way: -e @file",
    });
    return;
  }
  const { value: document, diagnostics: problems } = readYaml(read, { duplicateKeys: "warning", ansibleTags: true });
  diagnostics.push(...problems);
  if (document === undefined || document.value === null) return;
  if (!isMap(document.value)) {
    diagnostics.push({
      severity: "error", code: "variables-form", at: document.locate([]),
      summary: `a file of variables is a map, not ${typeName(document.value)}`,
    });
    return;
  }
  for (const [key, value] of Object.entries(document.value)) vars.set(key, { value, document, path: [key] });
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
