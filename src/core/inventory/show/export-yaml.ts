import type { ScalarLayout } from "js-yaml";
import { DEFAULT_SCALAR_STYLE_RULES, DUMP_SCHEMA, SCALAR_STYLE, defineScalarTag, dump, floatYaml11Tag, intYaml11Tag, realMapTag } from "js-yaml";
import { isMap } from "../../load/document.js";
import { ExactNumber } from "../../load/exact-number.js";
import { oldYamlProblems } from "../../load/old-yaml.js";
import { entriesOf } from "../../load/python-shape.js";
import type { Diagnostic } from "../../model/diagnostic.js";
import type { Inventory, InventoryGroup, Variables } from "../inventory.js";
import { layered } from "../layered.js";
import { loadInventory } from "../load-inventory.js";
import { expandHosts } from "../ranges.js";
import { jsonText } from "./json-text.js";
import type { InventoryView } from "./view.js";
import { groupVariables, isMeant, isShownVariable, ownVariables, shownValues, tooLong } from "./view.js";

/**
 * The inventory as one YAML file, which Ansible and converge read back as the same hosts, groups and variables. A group
 * that stands below several is written out once. What a host has from elsewhere than its groups' own variables would
 * give (group_vars/all goes above a group's variables in the inventory) is written with the host. Variables of `-e` are
 * none of the inventory's and are left out.
 * @returns a diagnostic where a host can not be written (a range or a port would be read out of its name, it is in no group
 *   that names it, or a group has its name), or where there is too much
 */
export function exportYaml(view: InventoryView): string | Diagnostic {
  for (const name of view.inventory.hosts.keys()) {
    if (!isMeant(view, name)) continue;
    const read = expandHosts(name);
    if ("problem" in read || read.port !== undefined || read.names[0] !== name) return unwritable(name);
  }
  const lost = lostHost(view);
  if (lost !== undefined) return lost;
  let values = 0;
  for (const host of view.inventory.hosts.values()) values += host.vars.size;
  if (values > MAX_VALUES) return tooLong();
  const first = written(view, new Map());
  const overrides = differences(view, readBack(first));
  const text = overrides.size === 0 ? first : written(view, overrides);
  return misplaced(view, text) ?? text;
}

/** A host that is called as a group is: what would be its own on reading would be the group's, and so of others. */
function misplaced(view: InventoryView, text: string): Diagnostic | undefined {
  const { hosts, groups } = view.inventory;
  const shared = [...hosts.keys()].find((name) => groups.has(name) && isMeant(view, name));
  if (shared === undefined) return undefined;
  const again = readBack(text);
  const count = (vars: Variables | undefined): number => [...(vars?.keys() ?? [])].filter(isShownVariable).length;
  const isSame = differences(view, again).size === 0 &&
    [...hosts.values()].every(({ name, vars }) => !isMeant(view, name) || count(again?.hosts.get(name)?.vars) === count(vars));
  return isSame ? undefined : {
    severity: "error", code: "host-and-group", summary: `the host '${shared}' can not be written in YAML: a group has its name, and its variables would go to that`,
    fix: "Give one of the two another name",
  };
}

/** Variables of all hosts together; each is compared with what was written. */
const MAX_VALUES = 5_000_000;

type Overrides = ReadonlyMap<string, Variables>;

function written(view: InventoryView, overrides: Overrides): string {
  const all = view.inventory.groups.get("all");
  const tree = new Map(all === undefined ? [] : [["all", new Exporter(view, overrides).group(all)]]);
  return dump(tree, { schema: SCHEMA, noRefs: true, lineWidth: -1, scalarStyleRules: [...Object.values(DEFAULT_SCALAR_STYLE_RULES), quoteOldYaml] });
}

function readBack(text: string): Inventory | undefined {
  return loadInventory(["export.yml"], {
    list: () => undefined, read: (path) => (path === "export.yml" ? { file: path, text } : undefined),
  }, { numbers: "exact" }).value;
}

/** Variables that hosts have here, and would not have from what was written. */
function differences(view: InventoryView, again: Inventory | undefined): Overrides {
  const overrides = new Map<string, Variables>();
  for (const host of view.inventory.hosts.values()) {
    if (!isMeant(view, host.name)) continue;
    const vars = again?.hosts.get(host.name)?.vars;
    const missing = [...host.vars].filter(([name, { value }]) => isShownVariable(name) && !same(vars?.get(name)?.value, value));
    if (missing.length > 0) overrides.set(host.name, new Map(missing));
  }
  return overrides;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && typeof b === "object" && jsonText(a) === jsonText(b));
}

function unwritable(name: string): Diagnostic {
  return {
    severity: "error", code: "host-range", summary: `the host '${name}' can not be written in YAML: a range or a port would be read out of its name`,
    fix: "Leave it out: -l '!NAME'",
  };
}

/** A host that a group names and that is not in it, for `ungrouped` stands below that group (see build.ts). */
function lostHost(view: InventoryView): Diagnostic | undefined {
  for (const group of view.inventory.groups.values()) {
    if (group.name === "all") continue;
    const lost = group.direct.find((name) => isMeant(view, name) && view.inventory.hosts.get(name)?.groups.includes(group.name) === false);
    if (lost !== undefined) {
      return {
        severity: "error", code: "inventory-form", summary: `the host '${lost}' can not be written in YAML: the group '${group.name}' names it, and it is not in it, since 'ungrouped' stands below that group`,
        fix: "Do not make 'ungrouped' a child of another group",
      };
    }
  }
  return undefined;
}

type Tree = Map<string, unknown>;

class Exporter {
  private readonly writtenGroups = new Set<string>();
  private readonly writtenHosts = new Set<string>();

  constructor(
    private readonly view: InventoryView,
    private readonly overrides: Overrides,
  ) {}

  /** Maps, for an object would list `"10"` before `"9"` and before all names. */
  group(group: InventoryGroup): Tree {
    const tree: Tree = new Map();
    if (this.writtenGroups.has(group.name)) return tree;
    this.writtenGroups.add(group.name);
    const hosts = group.direct.filter((name) => isMeant(this.view, name) && (group.name !== "all" || this.isNowhereElse(name)));
    if (hosts.length > 0) tree.set("hosts", new Map(hosts.map((name) => [name, this.host(name)])));
    const children = group.children.flatMap((name): [string, Tree][] => {
      const child = this.view.inventory.groups.get(name);
      return child === undefined ? [] : [[name, this.group(child)]];
    });
    if (children.length > 0) tree.set("children", new Map(children));
    const vars = groupVariables(this.view, group);
    if (vars.length > 0) tree.set("vars", new Map(vars.map(([name, value]) => [name, writable(value)])));
    return tree;
  }

  /** A host in `all` that a group has the name of is not in `ungrouped`. */
  private isNowhereElse(name: string): boolean {
    return this.view.inventory.hosts.get(name)?.groups.length === 0;
  }

  private host(name: string): Tree {
    const host = this.view.inventory.hosts.get(name);
    if (host === undefined || this.writtenHosts.has(name)) return new Map();
    this.writtenHosts.add(name);
    return new Map(shownValues(layered(ownVariables(this.view, host), this.overrides.get(name) ?? new Map())).map(([key, value]) => [key, writable(value)]));
  }
}

class Marked {
  constructor(
    readonly tag: "!vault" | "!unsafe",
    readonly text: string,
  ) {}
}

/** A value with Ansible's marks as tags, and its maps as maps. */
function writable(value: unknown): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map(writable);
  if (!isMap(value) || value instanceof ExactNumber) return value;
  for (const [key, tag] of MARKS) {
    const text = value[key];
    if (typeof text === "string") return new Marked(tag, text);
  }
  return new Map(entriesOf(value).map(([key, item]) => [key, writable(item)]));
}

const MARKS = [["__ansible_vault", "!vault"], ["__ansible_unsafe", "!unsafe"]] as const;

function markTag(tag: Marked["tag"]) {
  return defineScalarTag<unknown>(tag, {
    resolve: (text) => text, identify: (value) => value instanceof Marked && value.tag === tag,
    represent: (value) => (value instanceof Marked ? value.text : ""),
  });
}

const isExact = (value: unknown, whole: boolean): value is ExactNumber => value instanceof ExactNumber && /^-?\d+$/.test(value.text) === whole;

/** Texts that Ansible's YAML would take for something else, such as a name that is a date, stand in quotes. */
function quoteOldYaml(layout: ScalarLayout): void {
  const { value } = layout.node;
  if (layout.style !== SCALAR_STYLE.PLAIN) return;
  if (oldYamlProblems(value, value, { isKey: layout.isKey, inBrackets: layout.flowOnly }).length > 0) layout.style = SCALAR_STYLE.SINGLE_QUOTED;
}

/** As YAML 1.1 reads it: `1.0e+20`, `.inf`. */
function yamlFloat(text: string): string {
  return text.replace(/^(-?)(inf|nan)$/, "$1.$2").replace(/^(-?\d+)e/, "$1.0e");
}

const SCHEMA = DUMP_SCHEMA.withTags(
  realMapTag, markTag("!vault"), markTag("!unsafe"),
  defineScalarTag<unknown>("tag:yaml.org,2002:int", {
    implicit: true, resolve: intYaml11Tag.resolve, identify: (value) => isExact(value, true) || intYaml11Tag.identify(value),
    represent: (value) => (value instanceof ExactNumber ? value.text : intYaml11Tag.represent(value)),
  }),
  defineScalarTag<unknown>("tag:yaml.org,2002:float", {
    implicit: true, resolve: floatYaml11Tag.resolve, identify: (value) => isExact(value, false) || floatYaml11Tag.identify(value),
    represent: (value) => (value instanceof ExactNumber ? yamlFloat(value.text) : floatYaml11Tag.represent(value)),
  }),
);
