import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { SourceRange, SourceText } from "../model/source.js";
import { readAnsibleYaml } from "../load/ansible-yaml.js";
import { atMost } from "../load/at-most.js";
import { isMap } from "../load/document.js";
import type { NumberReading } from "../load/exact-number.js";
import { parseAddress } from "./addresses.js";
import { buildInventory, settleInventory } from "./build.js";
import { InventoryDraft } from "./draft.js";
import type { Inventory, ReadFiles } from "./inventory.js";
import { isSourceText } from "./inventory.js";
import { readIniInventory } from "./read-ini.js";
import { failed, readScriptInventory } from "./read-script.js";
import { readYamlInventory } from "./read-yaml.js";
import { folderOf, joinPath, variableFiles } from "./variable-files.js";
import type { Unlock } from "./vault.js";
import { openFile, withoutSecrets } from "./vault.js";

/** What Ansible passes over in a folder of inventories (INVENTORY_IGNORE_EXTS and its like). */
const IGNORED = /(^\.|^(group_vars|host_vars|vars_plugins)$|~$|\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|ini|cfg|retry)$)/;
const YAML_EXTENSIONS: readonly (string | undefined)[] = [undefined, ".yml", ".yaml", ".json"];
const MAX_DEPTH = 40;

export interface InventoryOptions {
  /** The folder of the playbook, where group_vars and host_vars are looked for too. */
  readonly playbookFolder?: string;
  /** Decrypts vaulted files and values; unset where no password was given. */
  readonly unlock?: Unlock;
  /** How numbers are read: `exact` to print them as Ansible does. */
  readonly numbers?: NumberReading;
  /** Where a source was named, if that is a file: it may be missing. */
  readonly namedAt?: (source: string) => SourceRange | undefined;
}

/**
 * Reads inventories in order, later ones over earlier ones.
 * @param sources each `-i` as the user gave it: a file (YAML, JSON, INI or a program), a folder of them, or a list of
 *   hosts, which holds a comma (`dom0a,dom0b`, `dom0a,`) and is no file
 * @param files what the sources name, and group_vars and host_vars beside them
 * @returns no value where a source has errors
 */
export function loadInventory(sources: readonly string[], files: ReadFiles, options: InventoryOptions = {}): Checked<Inventory> {
  const { playbookFolder, ...reading } = options;
  return readInventory(sources, files, reading).beside(playbookFolder);
}

/** Sources that have been read, for playbooks in several folders: each has group_vars and host_vars of its own. */
export interface ReadInventory {
  /** Where group_vars and host_vars beside the sources are looked for. */
  readonly folders: readonly string[];
  /** Sources that were left shut: which hosts there are is not known then. */
  readonly sealed: readonly SourceRange[];
  /**
   * The inventory with the variables beside a playbook. What does not depend on the playbook is read once, and shared.
   * @returns no value where a source or one of the files beside has errors
   */
  beside(playbookFolder: string | undefined): Checked<Inventory>;
}

/** As {@link loadInventory}, for several playbooks. */
export function readInventory(sources: readonly string[], files: ReadFiles, options: Omit<InventoryOptions, "playbookFolder"> = {}): ReadInventory {
  const { numbers = "plain", unlock, namedAt } = options;
  const draft = new InventoryDraft();
  const reader = new SourceReader(files, draft, numbers, unlock, namedAt);
  const folders: string[] = [];
  for (const source of sources) {
    const names = files.list(source);
    if (names === undefined && source.includes(",") && files.read(source) === undefined) {
      reader.hostList(source);
      continue;
    }
    folders.push(names === undefined ? folderOf(source) : source);
    reader.source(source, 0);
  }
  const settled = settleInventory(draft);
  const reading = { files, numbers, ...(unlock === undefined ? {} : { unlock }) };
  const sealed: SourceRange[] = [];
  const ofInventory = variableFiles(folders, { ...reading, diagnostics: draft.diagnostics, sealed });
  return {
    folders, sealed: reader.sealed,
    beside(playbookFolder) {
      const found: Diagnostic[] = [];
      const shut: SourceRange[] = [];
      const inventory = buildInventory(settled, {
        inventory: ofInventory,
        playbook: variableFiles(playbookFolder === undefined ? [] : [playbookFolder], { ...reading, diagnostics: found, sealed: shut }),
      });
      const diagnostics = atMost([...draft.diagnostics, ...found]).map(withoutSecrets);
      if (hasErrors(diagnostics)) return { value: undefined, diagnostics };
      return { value: { ...inventory, ...(unlock === undefined ? {} : { unlock }), sealed: [...sealed, ...shut] }, diagnostics };
    },
  };
}

class SourceReader {
  /** Sources that were left shut: whom they name is not known. */
  readonly sealed: SourceRange[] = [];

  constructor(
    private readonly files: ReadFiles,
    private readonly draft: InventoryDraft,
    private readonly numbers: NumberReading,
    private readonly unlock: Unlock | undefined,
    private readonly namedAt: InventoryOptions["namedAt"],
  ) {}

  /** Names alone, no ranges (plugins/inventory/host_list.py); who comes up again is passed over. */
  hostList(list: string): void {
    const source: SourceText = { file: "-i", text: list };
    let offset = 0;
    for (const part of list.split(",")) {
      const word = part.trim();
      const start = offset + part.indexOf(word);
      offset += part.length + 1;
      if (word === "") continue;
      const at = { source, start, end: start + word.length };
      const address = word.includes("[") ? undefined : parseAddress(word);
      const name = address?.host ?? word;
      if (this.draft.hasHost(name)) continue;
      const port = address?.port;
      this.draft.host(name, "ungrouped", () => at, port === undefined ? undefined : {
        value: port, path: [], document: { source, value: port, locate: () => at },
      });
    }
  }

  source(path: string, depth: number): void {
    const names = this.files.list(path);
    if (names !== undefined) {
      if (depth > MAX_DEPTH) {
        this.draft.diagnostics.push({ severity: "error", code: "too-deep", summary: `'${path}' nests folders deeper than ${MAX_DEPTH} levels` });
        return;
      }
      for (const name of [...names].sort()) if (!IGNORED.test(name)) this.source(joinPath(path, name), depth + 1);
      return;
    }
    if (this.program(path)) return;
    const read = this.files.read(path);
    if (read === undefined) {
      const at = this.namedAt?.(path);
      this.draft.diagnostics.push({
        severity: "error", code: "inventory-missing", summary: `there is no inventory '${path}'`, ...(at === undefined ? {} : { at }),
        fix: "Name a file or a folder; a list of hosts has a comma: -i dom0a,",
      });
      return;
    }
    const source = isSourceText(read) ? openFile(read, this.unlock) : read;
    if (isSourceText(source)) this.text(source);
    else if ("sealed" in source) this.sealed.push({ source: { file: path, text: "" }, start: 0, end: 0 });
    else this.draft.diagnostics.push(source);
  }

  /** @returns false for what is no program, or may not be run: then it is read */
  private program(path: string): boolean {
    const run = (words: readonly string[]) => this.files.run?.(path, words);
    const output = run(["--list"]);
    if (output === undefined) return false;
    if (typeof output === "string") this.draft.diagnostics.push(failed(path, output));
    else readScriptInventory(path, output, run, this.draft, this.numbers);
    return true;
  }

  /** As Ansible tries its plugins: YAML where the extension is one of YAML's, or there is none; then INI. */
  private text(source: SourceText): void {
    const name = source.file.slice(source.file.lastIndexOf("/") + 1);
    const dot = name.lastIndexOf(".");
    const extension = dot <= 0 ? undefined : name.slice(dot);
    if (extension === ".toml") {
      this.draft.diagnostics.push({
        severity: "error", code: "inventory-plugin", at: { source, start: 0, end: 0 },
        summary: "inventories in TOML are not read here", fix: "Save it as YAML: ansible-inventory -i … --list --export --yaml > hosts.yml",
      });
      return;
    }
    if (!YAML_EXTENSIONS.includes(extension)) {
      readIniInventory(source, this.draft, this.numbers);
      return;
    }
    const { value: document, diagnostics } = readAnsibleYaml(source, this.numbers);
    if (document !== undefined && isMap(document.value)) {
      this.draft.diagnostics.push(...diagnostics);
      readYamlInventory(document, this.draft);
      return;
    }
    // what is no map of groups may be INI all the same, whatever it is called
    const trial = new InventoryDraft();
    readIniInventory(source, trial, this.numbers);
    if (!hasErrors(trial.diagnostics) || (extension === undefined && !looksLikeYaml(source.text))) {
      readIniInventory(source, this.draft, this.numbers);
      return;
    }
    this.draft.diagnostics.push(...diagnostics);
    if (document !== undefined) readYamlInventory(document, this.draft);
  }
}

/** The first line that says something tells: `---`, `{` or `group:`. */
function looksLikeYaml(text: string): boolean {
  const line = text.split("\n").map((l) => l.trim()).find((l) => l !== "" && !l.startsWith("#"));
  return line !== undefined && (/^(---|\{)/.test(line) || /^["']?[^\s[\]=]+["']?\s*:(\s|$)/.test(line));
}
