import type { Diagnostic } from "../../model/diagnostic.js";
import type { Placed } from "../../load/document.js";
import type { InventoryHost, Variables } from "../inventory.js";
import { block, byCodePoint, jsonText } from "./json-text.js";
import type { InventoryView } from "./view.js";
import { MAX_OUTPUT, hostVariables, isMeant, isShownVariable, tooLong } from "./view.js";

const INDENT = "    ";
/** Variables of a host stand this far in: `_meta`, `hostvars`, the host. */
const HOST_INDENT = INDENT.repeat(3);

/** What `ansible-inventory --list` prints (cli/inventory.py, json_inventory), or that it is too long. */
export function listText(view: InventoryView): string | Diagnostic {
  const groups = groupsOf(view);
  const meta = hostvarsText(view);
  if (meta === undefined) return tooLong();
  const entries = [...groups.entries()].map(([name, group]): [string, string] => [name, jsonText(group, INDENT)]);
  entries.push(["_meta", block("{", [`"hostvars": ${meta}`], "}", INDENT)]);
  entries.sort(([a], [b]) => byCodePoint(a, b));
  return `${block("{", entries.map(([name, text]) => `${JSON.stringify(name)}: ${text}`), "}", "")}\n`;
}

/** What `ansible-inventory --host` prints. */
export function hostText(view: InventoryView, host: InventoryHost): string {
  return `${new VariablesText("").of(hostVariables(view, host)) ?? "{}"}\n`;
}

interface ListedGroup {
  readonly hosts?: readonly string[];
  readonly children?: readonly string[];
}

/** Groups from `all` down; an empty one stands in its parent alone. */
function groupsOf(view: InventoryView): ReadonlyMap<string, ListedGroup> {
  const { groups } = view.inventory;
  const result = new Map<string, ListedGroup>();
  const seen = new Set(["all"]);
  for (const name of seen) {
    const group = groups.get(name);
    if (group === undefined) continue;
    for (const child of group.children) seen.add(child);
    const hosts = name === "all" ? [] : group.direct.filter((host) => isMeant(view, host));
    if (hosts.length === 0 && group.children.length === 0) continue;
    result.set(name, {
      ...(hosts.length === 0 ? {} : { hosts }), ...(group.children.length === 0 ? {} : { children: group.children }),
    });
  }
  return result;
}

function hostvarsText(view: InventoryView): string | undefined {
  const texts = new VariablesText(HOST_INDENT);
  // who is in no group, `ungrouped` as a child of another one makes that, is not in `all` either
  const { groups, hosts: known } = view.inventory;
  const hosts = (groups.get("all")?.hosts ?? []).flatMap((name) => (isMeant(view, name) ? known.get(name) ?? [] : []));
  hosts.sort((a, b) => byCodePoint(a.name, b.name));
  const items: string[] = [];
  let length = 0;
  for (const host of hosts) {
    const text = texts.of(hostVariables(view, host));
    if (text === undefined) continue;
    items.push(`${JSON.stringify(host.name)}: ${text}`);
    length += text.length + host.name.length;
    if (length > MAX_OUTPUT) return undefined;
  }
  return block("{", items, "}", INDENT.repeat(2));
}

/** A name of a variable, and how JSON writes it. */
interface WrittenName {
  readonly name: string;
  readonly text: string;
}

/** Texts of maps of variables; what many hosts share is sorted and written once, and then copied. */
class VariablesText {
  private readonly texts = new Map<Placed, string>();
  private readonly names = new Map<string, readonly WrittenName[]>();

  constructor(private readonly indent: string) {}

  /** undefined where there is no variable to be shown */
  of(vars: Variables): string | undefined {
    const names = this.sorted([...vars.keys()]);
    if (names.length === 0) return undefined;
    return block("{", names.map(({ name, text }) => text + this.value(vars.get(name))), "}", this.indent);
  }

  private sorted(names: readonly string[]): readonly WrittenName[] {
    const key = names.join("\0");
    let sorted = this.names.get(key);
    if (sorted === undefined) {
      sorted = names.filter(isShownVariable).sort(byCodePoint).map((name) => ({ name, text: `${JSON.stringify(name)}: ` }));
      this.names.set(key, sorted);
    }
    return sorted;
  }

  private value(placed: Placed | undefined): string {
    const value = placed?.value ?? null;
    if (placed === undefined || typeof value !== "object" || value === null) return JSON.stringify(value);
    let text = this.texts.get(placed);
    if (text === undefined) {
      text = jsonText(value, this.indent + INDENT);
      this.texts.set(placed, text);
    }
    return text;
  }
}
