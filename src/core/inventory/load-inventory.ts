import type { Checked } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import { atMost } from "../load/at-most.js";
import { readYaml } from "../load/yaml.js";
import { InventoryDraft } from "./build.js";
import type { Inventory, ReadFiles } from "./inventory.js";
import { isSourceText } from "./inventory.js";
import { expandRange, splitPort } from "./ranges.js";
import { readIniInventory } from "./read-ini.js";
import { readYamlInventory } from "./read-yaml.js";
import { folderOf, joinPath, variableFiles } from "./variable-files.js";

/** What Ansible passes over in a folder of inventories (INVENTORY_IGNORE_EXTS and its like). */
const IGNORED = /(^\.|^(group_vars|host_vars|vars_plugins)$|~$|\.(orig|bak|cfg|retry|pyc|pyo|rpm|md|txt|j2)$)/;
const MAX_DEPTH = 10;

/**
 * Reads inventories in order, later ones over earlier ones.
 * @param sources each `-i` as the user gave it: a file (YAML, JSON or INI), a folder of them, or a list of hosts,
 *   which holds a comma (`dom0a,dom0b`, `dom0a,`)
 * @param files what the sources name, and group_vars and host_vars beside them
 * @returns no value where a source has errors
 */
export function loadInventory(sources: readonly string[], files: ReadFiles): Checked<Inventory> {
  const draft = new InventoryDraft();
  const folders: string[] = [];
  for (const source of sources) {
    if (source.includes(",")) readHostList(source, draft);
    else {
      const folder = files.list(source) === undefined ? folderOf(source) : source;
      if (!folders.includes(folder)) folders.push(folder);
      readSource(source, files, draft, 0);
    }
  }
  const inventory = draft.finish(variableFiles(folders, files, draft.diagnostics));
  const diagnostics = atMost(draft.diagnostics);
  return { value: hasErrors(diagnostics) ? undefined : inventory, diagnostics };
}

function readHostList(list: string, draft: InventoryDraft): void {
  const source: SourceText = { file: "-i", text: list };
  let offset = 0;
  for (const part of list.split(",")) {
    const word = part.trim();
    const start = offset + part.indexOf(word);
    offset += part.length + 1;
    if (word === "") continue;
    const at = { source, start, end: start + word.length };
    const { pattern, port } = splitPort(word);
    const expanded = expandRange(pattern);
    if ("problem" in expanded) {
      draft.diagnostics.push({ severity: "error", code: "host-range", summary: expanded.problem, at });
      continue;
    }
    for (const name of expanded.names) {
      draft.host(name, "ungrouped", at);
      if (port === undefined) continue;
      draft.hostVariable(name, "ansible_port", {
        value: port, path: [], document: { source, value: port, locate: () => at },
      });
    }
  }
}

function readSource(path: string, files: ReadFiles, draft: InventoryDraft, depth: number): void {
  const names = depth > MAX_DEPTH ? [] : files.list(path);
  if (names !== undefined) {
    const kept = [...names].filter((name) => !IGNORED.test(name)).sort();
    for (const name of kept) readSource(joinPath(path, name), files, draft, depth + 1);
    return;
  }
  const read = files.read(path);
  if (read === undefined) {
    draft.diagnostics.push({
      severity: "error", code: "inventory-missing", summary: `there is no inventory '${path}'`,
      fix: "Name a file or a folder; a list of hosts has a comma: -i dom0a,",
    });
  } else if (!isSourceText(read)) draft.diagnostics.push(read);
  else readText(read, draft);
}

function readText(source: SourceText, draft: InventoryDraft): void {
  const extension = /\.[^./]+$/.exec(source.file)?.[0];
  if (source.text.startsWith("#!")) {
    draft.diagnostics.push({
      severity: "error", code: "inventory-script", at: { source, start: 0, end: Math.max(2, source.text.indexOf("\n")) },
      summary: "this inventory is a program, and converge runs none yet",
      fix: "Save it as YAML: ansible-inventory -i … --list --yaml > hosts.yml",
    });
    return;
  }
  if (extension === ".yml" || extension === ".yaml" || extension === ".json") {
    readAsYaml(source, draft);
    return;
  }
  // without an extension Ansible tries YAML first, then INI
  if (extension === undefined && looksLikeYaml(source.text)) readAsYaml(source, draft);
  else readIniInventory(source, draft);
}

function readAsYaml(source: SourceText, draft: InventoryDraft): void {
  const { value: document, diagnostics } = readYaml(source, { duplicateKeys: "warning", ansibleTags: true });
  draft.diagnostics.push(...diagnostics);
  if (document !== undefined) readYamlInventory(document, draft);
}

/** The first line that says something tells: `---`, `{` or `group:`. */
function looksLikeYaml(text: string): boolean {
  const line = text.split("\n").map((l) => l.trim()).find((l) => l !== "" && !l.startsWith("#"));
  return line !== undefined && (/^(---|\{)/.test(line) || /^["']?[^\s[\]=]+["']?\s*:(\s|$)/.test(line));
}
