import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import type { Placed } from "../load/document.js";
import type { Inventory, InventoryGroup, InventoryHost, Variables } from "./inventory.js";

interface GroupDraft {
  readonly name: string;
  readonly hosts: Set<string>;
  readonly children: Set<string>;
  readonly vars: Map<string, Placed>;
  readonly at: SourceRange;
}

interface HostDraft {
  readonly name: string;
  readonly vars: Map<string, Placed>;
  readonly at: SourceRange;
}

const NOWHERE: SourceRange = { source: { file: "inventory", text: "" }, start: 0, end: 0 };

/** Variables from group_vars and host_vars, looked up by name. */
export interface VariableFiles {
  group(name: string): Variables;
  host(name: string): Variables;
}

/** An inventory while its sources are read one after another; later ones add to, and override, earlier ones. */
export class InventoryDraft {
  readonly diagnostics: Diagnostic[] = [];
  private readonly groups = new Map<string, GroupDraft>();
  private readonly hosts = new Map<string, HostDraft>();

  constructor() {
    this.group("all", NOWHERE);
    this.group("ungrouped", NOWHERE);
  }

  hasGroup(name: string): boolean {
    return this.groups.has(name);
  }

  group(name: string, at: SourceRange): void {
    if (!this.groups.has(name)) {
      this.groups.set(name, { name, hosts: new Set(), children: new Set(), vars: new Map(), at });
    }
  }

  host(name: string, group: string, at: SourceRange): void {
    if (!this.hosts.has(name)) this.hosts.set(name, { name, vars: new Map(), at });
    this.group(group, at);
    this.groups.get(group)?.hosts.add(name);
  }

  hostVariable(host: string, name: string, value: Placed): void {
    this.hosts.get(host)?.vars.set(name, value);
  }

  groupVariable(group: string, name: string, value: Placed): void {
    this.groups.get(group)?.vars.set(name, value);
  }

  /** Puts a group below another; a group that would contain itself is refused. */
  child(parent: string, child: string, at: SourceRange): void {
    this.group(parent, at);
    this.group(child, at);
    if (child === parent || this.below(child).includes(parent)) {
      this.diagnostics.push({
        severity: "error", code: "group-loop", summary: `the group '${child}' would contain itself`, at,
        detail: `'${parent}' is already a part of '${child}'`, fix: "Take one of the two out of the other's children",
      });
      return;
    }
    // everything is below `all` anyway
    if (child !== "all") this.groups.get(parent)?.children.add(child);
  }

  /** A group and what is below it, level by level, as Ansible lists them. */
  private below(name: string): string[] {
    const order = [name];
    for (const group of order) {
      for (const child of this.groups.get(group)?.children ?? []) if (!order.includes(child)) order.push(child);
    }
    return order;
  }

  finish(files: VariableFiles): Inventory {
    this.settleMembership();
    const parents = this.parents();
    const depths = this.depths(parents);
    const order = (a: string, b: string): number => {
      return (depths.get(a) ?? 0) - (depths.get(b) ?? 0) || this.priority(a) - this.priority(b) || compare(a, b);
    };
    const direct = new Map<string, string[]>();
    for (const group of this.groups.values()) {
      for (const host of group.hosts) direct.set(host, [...(direct.get(host) ?? []), group.name]);
    }
    const groups = new Map<string, InventoryGroup>();
    for (const group of this.groups.values()) groups.set(group.name, this.finishGroup(group, files));
    const hosts = new Map<string, InventoryHost>();
    for (const host of this.hosts.values()) {
      const member = ancestors(direct.get(host.name) ?? [], parents).sort(order);
      hosts.set(host.name, {
        name: host.name, at: host.at, vars: this.variablesOf(host, member, files),
        groups: member.filter((name) => name !== "all").sort(compare),
      });
    }
    return { hosts, groups };
  }

  private finishGroup(group: GroupDraft, files: VariableFiles): InventoryGroup {
    const hosts = new Set<string>();
    for (const name of this.below(group.name)) for (const host of this.groups.get(name)?.hosts ?? []) hosts.add(host);
    const vars = new Map([...group.vars, ...files.group(group.name)]);
    return { name: group.name, hosts: [...hosts], children: [...group.children], vars };
  }

  /** The order of ansible.cfg's default `precedence`: see `ansible/vars/manager.py`. */
  private variablesOf(host: HostDraft, member: readonly string[], files: VariableFiles): Variables {
    const vars = new Map<string, Placed>();
    const add = (more: Variables | undefined): void => {
      for (const [name, value] of more ?? []) vars.set(name, value);
    };
    const others = member.filter((name) => name !== "all");
    add(this.groups.get("all")?.vars);
    for (const name of others) add(this.groups.get(name)?.vars);
    add(files.group("all"));
    for (const name of others) add(files.group(name));
    add(host.vars);
    add(files.host(host.name));
    return vars;
  }

  /** Every host is in `all`; in `ungrouped` if it is in no other group. Groups without a parent stand below `all`. */
  private settleMembership(): void {
    const grouped = new Set<string>();
    for (const group of this.groups.values()) {
      if (group.name !== "all" && group.name !== "ungrouped") for (const host of group.hosts) grouped.add(host);
    }
    const ungrouped = this.groups.get("ungrouped");
    for (const host of this.hosts.keys()) {
      if (grouped.has(host)) ungrouped?.hosts.delete(host);
      else ungrouped?.hosts.add(host);
    }
    const hasParent = new Set([...this.groups.values()].flatMap((group) => [...group.children]));
    for (const name of this.groups.keys()) {
      if (name !== "all" && !hasParent.has(name)) this.groups.get("all")?.children.add(name);
    }
  }

  private parents(): Map<string, string[]> {
    const parents = new Map<string, string[]>();
    for (const group of this.groups.values()) {
      for (const child of group.children) parents.set(child, [...(parents.get(child) ?? []), group.name]);
    }
    return parents;
  }

  /** How far below `all` by the longest way: the farther, the stronger. */
  private depths(parents: ReadonlyMap<string, readonly string[]>): Map<string, number> {
    const depths = new Map<string, number>();
    const depth = (name: string): number => {
      const known = depths.get(name);
      if (known !== undefined) return known;
      depths.set(name, 0); // no loops: `child` refuses them
      const result = Math.max(0, ...(parents.get(name) ?? []).map((parent) => depth(parent) + 1));
      depths.set(name, result);
      return result;
    };
    for (const name of this.groups.keys()) depth(name);
    return depths;
  }

  private priority(group: string): number {
    const value = Number(this.groups.get(group)?.vars.get("ansible_group_priority")?.value ?? 1);
    return Number.isFinite(value) ? value : 1;
  }
}

function ancestors(groups: readonly string[], parents: ReadonlyMap<string, readonly string[]>): string[] {
  const found = [...groups];
  const seen = new Set(found);
  for (const group of found) {
    for (const parent of parents.get(group) ?? []) {
      if (!seen.has(parent)) found.push(parent);
      seen.add(parent);
    }
  }
  if (!seen.has("all")) found.push("all");
  return found;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
