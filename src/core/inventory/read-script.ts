import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import type { PlainMap } from "../load/document.js";
import { isMap, own, typeName } from "../load/document.js";
import { entriesOf } from "../load/python-shape.js";
import type { AnsibleDocument } from "../load/ansible-yaml.js";
import { readAnsibleYaml } from "../load/ansible-yaml.js";
import type { NumberReading } from "../load/exact-number.js";
import type { InventoryDraft } from "./draft.js";
import type { ProgramOutput } from "./inventory.js";

/** Runs the inventory program with some words. */
export type RunProgram = (words: readonly string[]) => ProgramOutput | string | undefined;

/**
 * Reads what an inventory program prints, as Ansible's `script` plugin does (plugins/inventory/script.py): groups by
 * `--list`, and variables of hosts from `_meta`, or else by `--host` for each.
 * @param first what `--list` gave
 */
export function readScriptInventory(
  path: string, first: ProgramOutput, run: RunProgram, draft: InventoryDraft, numbers: NumberReading,
): void {
  const document = readOutput(`${path} --list`, first, draft, numbers);
  if (document === undefined) return;
  const reader = new ScriptReader(document, draft);
  reader.groups();
  const meta = reader.hostVariables();
  for (const host of reader.hosts) {
    if (meta !== undefined) reader.variables(host, own(meta, host), document, ["_meta", "hostvars", host]);
    else {
      const label = `${path} --host ${host}`;
      const output = run(["--host", host]);
      const answer = typeof output === "object" ? readOutput(label, output, draft, numbers) : undefined;
      if (answer !== undefined) reader.variables(host, answer.value, answer, []);
      // a program that ran once will run again, unless it was taken away
      else if (typeof output !== "object") draft.diagnostics.push(failed(label, output ?? "it can not be run any more"));
    }
  }
}

/** What to say of a program that did not do its part. */
export function failed(label: string, why: string): Diagnostic {
  return {
    severity: "error", code: "inventory-script", summary: `the inventory program '${label}' failed: ${why}`,
    fix: "Run it by hand, and look at what it prints",
  };
}

function readOutput(label: string, output: ProgramOutput, draft: InventoryDraft, numbers: NumberReading): AnsibleDocument | undefined {
  const source: SourceText = { file: label, text: output.stdout };
  if (output.exit !== 0) {
    const said = output.stderr.trim().split("\n").at(-1) ?? "";
    draft.diagnostics.push(failed(label, `it ended with ${output.exit}${said === "" ? "" : `: ${said.slice(0, 400)}`}`));
    return undefined;
  }
  // an empty answer to --host means no variables
  const empty = source.text.trim() === "" && label.includes(" --host ");
  const { value, diagnostics } = readAnsibleYaml(empty ? { ...source, text: "{}" } : source, numbers);
  if (value !== undefined && isMap(value.value) && /^\s*\{/.test(empty ? "{}" : source.text)) return value;
  draft.diagnostics.push({
    severity: "error", code: "inventory-script", summary: `'${label}' prints ${value === undefined ? "no JSON" : typeName(value.value)}, and must print a JSON object`,
    at: diagnostics[0]?.at ?? { source, start: 0, end: 0 }, fix: "Run it by hand, and look at what it prints",
  });
  return undefined;
}

class ScriptReader {
  readonly hosts = new Set<string>();

  constructor(
    private readonly document: AnsibleDocument,
    private readonly draft: InventoryDraft,
  ) {}

  groups(): void {
    for (const [name, data] of this.document.value === null ? [] : entriesOf(this.document.value as PlainMap)) {
      if (name !== "_meta") this.group(name, data);
    }
  }

  hostVariables(): PlainMap | undefined {
    const meta = own(this.document.value as PlainMap, "_meta");
    const hostvars = isMap(meta) ? own(meta, "hostvars") : undefined;
    if (hostvars === undefined || isMap(hostvars)) return hostvars;
    this.complain(["_meta", "hostvars"], `'hostvars' is ${typeName(hostvars)}, and must be a map by hosts`);
    return {};
  }

  variables(host: string, vars: unknown, document: AnsibleDocument, path: readonly string[]): void {
    if (vars === undefined) return;
    if (!isMap(vars)) {
      this.complain(path, `the variables of '${host}' are ${typeName(vars)}, and must be a map`);
      return;
    }
    for (const [key, value] of entriesOf(vars)) this.draft.variable(host, key, { value, document, path: [...path, key] });
  }

  private group(name: string, data: unknown): void {
    const at = () => this.document.locate([name], "key");
    this.draft.group(name, at);
    // a list of hosts; or, with none of the three keys, a host and its variables
    if (!isMap(data)) {
      this.members(name, data, [name]);
      return;
    }
    if (!["hosts", "vars", "children"].some((key) => Object.hasOwn(data, key))) {
      this.members(name, [name], [name]);
      this.groupVariables(name, data, [name]);
      return;
    }
    if (Object.hasOwn(data, "hosts")) this.members(name, data["hosts"], [name, "hosts"]);
    if (Object.hasOwn(data, "vars")) this.groupVariables(name, data["vars"], [name, "vars"]);
    const children = own(data, "children");
    if (children === undefined) return;
    if (!this.areNames(children)) this.complain([name, "children"], `'children' of '${name}' must be a list of names`);
    else {
      const place = () => this.document.locate([name, "children"]);
      for (const child of children) {
        // a group, though a host may be called so
        this.draft.group(child, place);
        this.draft.child(name, child, place);
      }
    }
  }

  private members(group: string, hosts: unknown, path: readonly string[]): void {
    if (!this.areNames(hosts)) {
      this.complain(path, `the hosts of '${group}' must be a list of names`);
      return;
    }
    for (const host of hosts) {
      this.hosts.add(host);
      this.draft.host(host, group, () => this.document.locate(path));
    }
  }

  private groupVariables(group: string, vars: unknown, path: readonly string[]): void {
    if (!isMap(vars)) {
      this.complain(path, `'vars' of '${group}' is ${typeName(vars)}, and must be a map`);
      return;
    }
    for (const [key, value] of entriesOf(vars)) this.draft.variable(group, key, { value, document: this.document, path: [...path, key] });
  }

  private areNames(value: unknown): value is readonly string[] {
    return Array.isArray(value) && value.every((item) => typeof item === "string");
  }

  private complain(path: readonly string[], summary: string): void {
    this.draft.complain("inventory-form", summary, () => this.document.locate(path));
  }
}
