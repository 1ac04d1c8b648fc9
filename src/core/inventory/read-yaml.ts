import type { AnsibleDocument } from "../load/ansible-yaml.js";
import { oddVariableName, writtenIfNoText } from "../load/ansible-yaml.js";
import type { Path, Placed } from "../load/document.js";
import { isMap, typeName } from "../load/document.js";
import { entriesOf, keysOf } from "../load/python-shape.js";
import { didYouMean } from "../load/suggest.js";
import type { InventoryDraft, Place } from "./draft.js";
import { expandHosts } from "./ranges.js";

const GROUP_KEYS = ["hosts", "vars", "children"];

/**
 * Reads a YAML (or JSON) inventory as Ansible's `yaml` plugin does (plugins/inventory/yaml.py), into a draft: groups at
 * the top, each with `hosts`, `vars` and `children`, any of which may be empty.
 */
export function readYamlInventory(document: AnsibleDocument, draft: InventoryDraft): void {
  const top = document.value;
  if (top === null) {
    draft.complain("inventory-form", "this inventory is empty: there is no host in it", () => document.locate([]), "Begin with 'all:' and 'hosts:' below it", "warning");
    return;
  }
  if (!isMap(top)) {
    draft.diagnostics.push({
      severity: "error", code: "inventory-form", at: document.locate([]),
      summary: `an inventory is a map of groups, not ${typeName(top)}`, fix: "Begin with 'all:' and 'hosts:' below it",
    });
    return;
  }
  if (namesPlugin(top)) {
    draft.diagnostics.push({
      severity: "error", code: "inventory-plugin", at: document.locate(["plugin"], "key"),
      summary: `this configures the inventory plugin ${JSON.stringify(top["plugin"])}, and converge has no plugins`,
      fix: "Save what it gives: ansible-inventory -i … --list --export --yaml > hosts.yml",
    });
    return;
  }
  const reader = new YamlInventoryReader(document, draft);
  for (const [name, value] of entriesOf(top)) reader.group(name, value, [name], true);
}

/** A file with a `plugin:` that says something is no inventory, but what an inventory plugin is given. */
function namesPlugin(top: Readonly<Record<string, unknown>>): boolean {
  const plugin = Object.hasOwn(top, "plugin") ? top["plugin"] : null;
  return plugin !== null && plugin !== "" && plugin !== false && plugin !== 0 && !(isMap(plugin) && Object.keys(plugin).length === 0) &&
    !(Array.isArray(plugin) && plugin.length === 0);
}

class YamlInventoryReader {
  constructor(
    private readonly document: AnsibleDocument,
    private readonly draft: InventoryDraft,
  ) {}

  group(name: string, value: unknown, path: Path, top = false): void {
    if (this.isNoText(path, "group")) return;
    const at: Place = () => this.document.locate(path, "key");
    if (value !== null && !isMap(value)) {
      const summary = `the group '${name}' is ${typeName(value)}, and must be a map of hosts, vars and children`;
      // Ansible passes it over; as a child it then looks for a group of that name
      if (top || this.draft.hasGroup(name)) this.complain(path, `${summary}: it is passed over, as Ansible does`, undefined, "warning");
      else this.complain(path, summary);
      return;
    }
    this.draft.group(name, at);
    for (const [key, content] of Object.entries(value ?? {})) {
      const below: Path = [...path, key];
      if (key === "hosts") this.hosts(name, content, below);
      else if (key === "vars") this.variables(name, content, below);
      else if (key === "children") this.children(name, content, below);
      else if (content !== null) this.unknown(key, below);
    }
  }

  private unknown(key: string, path: Path): void {
    const hint = didYouMean(key, GROUP_KEYS);
    const fix = hint ?? "Groups stand under 'children', hosts under 'hosts', variables under 'vars'";
    this.draft.diagnostics.push({
      severity: "warning", code: "unknown-key", at: this.document.locate(path, "key"), fix,
      summary: `a group has hosts, vars and children; '${key}' is passed over, as Ansible does`,
    });
  }

  private hosts(group: string, value: unknown, path: Path): void {
    for (const [name, vars, below] of this.entries(value, path, "hosts")) {
      if (this.isNoText(below, "host")) continue;
      const at: Place = () => this.document.locate(below, typeof value === "string" ? "value" : "key");
      const expanded = expandHosts(name);
      if ("problem" in expanded) {
        this.draft.complain("host-range", expanded.problem, at);
        continue;
      }
      if (!isMap(vars) && !isFalsy(vars)) {
        this.complain(below, `the variables of '${name}' are ${typeName(vars)}, and must be a map`);
        continue;
      }
      if (expanded.names.length === 0) this.draft.complain("host-range", `'${name}' stands for no host`, at, undefined, "warning");
      const port = expanded.port === undefined ? undefined : { value: expanded.port, document: this.document, path: below };
      for (const host of expanded.names) this.draft.host(host, group, at, port);
      if (!isMap(vars)) continue;
      for (const key of keysOf(vars)) {
        const placed = new Entry(vars[key], this.document, below, key);
        if (this.document.typedKeys) this.checkName(placed.path);
        for (const host of expanded.names) this.draft.variable(host, key, placed);
      }
    }
  }

  private variables(group: string, value: unknown, path: Path): void {
    for (const [key, item, below] of this.entries(value, path, "vars", "Write each as 'name: value'")) {
      this.checkName(below);
      this.draft.variable(group, key, { value: item, document: this.document, path: below });
    }
  }

  private children(parent: string, value: unknown, path: Path): void {
    for (const [name, content, below] of this.entries(value, path, "children")) {
      this.group(name, content, below);
      // a group that was refused is not there
      if (!this.draft.hasGroup(name) && !this.draft.hasHost(name)) continue;
      this.draft.child(parent, name, () => this.document.locate(below, typeof value === "string" ? "value" : "key"));
    }
  }

  /** A map; or one name as text, as Ansible takes it. */
  private entries(
    value: unknown, path: Path, what: string, fix = "Write each as a key: 'dom0a:' with nothing after it",
  ): (readonly [string, unknown, Path])[] {
    if (value === null) return [];
    if (typeof value === "string") return [[value, null, path]];
    if (isMap(value)) return entriesOf(value).map(([key, item]) => [key, item, [...path, key]]);
    this.complain(path, `'${what}' is ${typeName(value)}, and must be a map`, fix);
    return [];
  }

  private checkName(path: Path): void {
    const odd = oddVariableName(this.document, path);
    if (odd !== undefined) this.draft.diagnostics.push(odd);
  }

  /** A name that YAML reads as a number or a boolean. */
  private isNoText(path: Path, what: string): boolean {
    const odd = writtenIfNoText(this.document, path);
    if (odd === undefined) return false;
    const { at, written } = odd;
    this.draft.diagnostics.push({
      severity: "error", code: "key-not-text", at, summary: `the name of a ${what} is text, and YAML reads ${written === "" ? "nothing" : written} as something else`,
      fix: `Put it in quotes: "${written}"`,
    });
    return true;
  }

  private complain(path: Path, summary: string, fix?: string, severity: "error" | "warning" = "error"): void {
    this.draft.complain("inventory-form", summary, () => this.document.locate(path), fix, severity);
  }
}

/** A value of a map; its path is put together when it is asked for, which for most values is never. */
class Entry implements Placed {
  constructor(
    readonly value: unknown,
    readonly document: AnsibleDocument,
    private readonly map: Path,
    private readonly key: string,
  ) {}

  get path(): Path {
    return [...this.map, this.key];
  }
}

/** What Python takes for false: no variables. */
function isFalsy(value: unknown): boolean {
  return value === null || value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}
