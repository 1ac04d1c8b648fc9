import type { Document, Path } from "../load/document.js";
import { isMap, typeName } from "../load/document.js";
import { didYouMean } from "../load/suggest.js";
import type { InventoryDraft } from "./build.js";
import { expandRange, splitPort } from "./ranges.js";

const GROUP_KEYS = ["hosts", "vars", "children"];

/**
 * Reads a YAML (or JSON) inventory as Ansible's `yaml` plugin does (plugins/inventory/yaml.py), into a draft: groups at
 * the top, each with `hosts`, `vars` and `children`, any of which may be empty.
 */
export function readYamlInventory(document: Document, draft: InventoryDraft): void {
  const top = document.value;
  if (top === null) return;
  if (!isMap(top)) {
    draft.diagnostics.push({
      severity: "error", code: "inventory-form", at: document.locate([]),
      summary: `an inventory is a map of groups, not ${typeName(top)}`, fix: "Begin with 'all:' and 'hosts:' below it",
    });
    return;
  }
  const reader = new YamlInventoryReader(document, draft);
  for (const [name, value] of Object.entries(top)) reader.group(name, value, [name]);
}

class YamlInventoryReader {
  constructor(
    private readonly document: Document,
    private readonly draft: InventoryDraft,
  ) {}

  group(name: string, value: unknown, path: Path): void {
    this.draft.group(name, this.document.locate(path, "key"));
    if (value === null) return;
    if (!isMap(value)) {
      this.complain(path, `the group '${name}' is ${typeName(value)}, and must be a map of hosts, vars and children`);
      return;
    }
    for (const [key, content] of Object.entries(value)) {
      const at: Path = [...path, key];
      if (key === "hosts") this.hosts(name, content, at);
      else if (key === "vars") this.variables(name, content, at);
      else if (key === "children") this.children(name, content, at);
      else this.unknown(key, at);
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
    for (const [name, vars] of this.entries(value, path, "hosts")) {
      const at: Path = typeof value === "string" ? path : [...path, name];
      const keyAt = this.document.locate(at, typeof value === "string" ? "value" : "key");
      const { pattern, port } = splitPort(name);
      const expanded = expandRange(pattern);
      if ("problem" in expanded) {
        this.draft.diagnostics.push({ severity: "error", code: "host-range", summary: expanded.problem, at: keyAt });
        continue;
      }
      if (vars !== null && !isMap(vars)) {
        this.complain(at, `the variables of '${name}' are ${typeName(vars)}, and must be a map`);
        continue;
      }
      for (const host of expanded.names) {
        this.draft.host(host, group, keyAt);
        if (port !== undefined) this.draft.hostVariable(host, "ansible_port", { value: port, document: this.document, path: at });
        for (const [key, item] of Object.entries(vars ?? {})) {
          this.draft.hostVariable(host, key, { value: item, document: this.document, path: [...at, key] });
        }
      }
    }
  }

  private variables(group: string, value: unknown, path: Path): void {
    if (value === null) return;
    if (!isMap(value)) {
      this.complain(path, `'vars' is ${typeName(value)}, and must be a map`);
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      this.draft.groupVariable(group, key, { value: item, document: this.document, path: [...path, key] });
    }
  }

  private children(parent: string, value: unknown, path: Path): void {
    for (const [name, content] of this.entries(value, path, "children")) {
      const at: Path = typeof value === "string" ? path : [...path, name];
      this.draft.child(parent, name, this.document.locate(at, typeof value === "string" ? "value" : "key"));
      this.group(name, content, at);
    }
  }

  /** A map; or one name as text, as Ansible takes it. */
  private entries(value: unknown, path: Path, what: string): [string, unknown][] {
    if (value === null) return [];
    if (typeof value === "string") return [[value, null]];
    if (isMap(value)) return Object.entries(value);
    this.complain(path, `'${what}' is ${typeName(value)}, and must be a map`, "Write each as a key: 'dom0a:' with nothing after it");
    return [];
  }

  private complain(path: Path, summary: string, fix?: string): void {
    this.draft.diagnostics.push({
      severity: "error", code: "inventory-form", summary, at: this.document.locate(path),
      ...(fix === undefined ? {} : { fix }),
    });
  }
}
