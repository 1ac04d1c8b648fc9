import type { SourceRange } from "../model/source.js";
import type { Placed } from "../load/document.js";
import type { GroupDraft, HostDraft, InventoryDraft } from "./draft.js";
import type { GroupTree } from "./group-tree.js";
import { NOWHERE } from "./draft.js";
import { ancestors, descendants, groupTree } from "./group-tree.js";
import type { Inventory, InventoryGroup, InventoryHost, Variables } from "./inventory.js";
import { layered } from "./layered.js";
import type { VariableFiles } from "./variable-files.js";

/** What group_vars and host_vars hold: beside the inventory's sources, and beside the playbook. */
export interface FilesBeside {
  readonly inventory: VariableFiles;
  readonly playbook: VariableFiles;
}

/** Who is in which group, for every inventory that is made of one draft. */
export interface Settled {
  readonly draft: InventoryDraft;
  readonly tree: GroupTree;
  /** The groups that name a host, by the host. */
  readonly direct: ReadonlyMap<string, readonly string[]>;
}

/** Settles membership, once all sources are read; what is wrong with it goes to the draft's complaints. */
export function settleInventory(draft: InventoryDraft): Settled {
  const tree = groupTree(draft);
  const before = draft.edges.length;
  const direct = settleMembership(draft, tree);
  warnOfSharedNames(draft);
  return { draft, tree: draft.edges.length === before ? tree : groupTree(draft), direct };
}

/** Settles precedence, with the variables of some folders. */
export function buildInventory({ draft, tree, direct }: Settled, files: FilesBeside): Pick<Inventory, "hosts" | "groups"> {
  const groups = new Map<string, InventoryGroup>();
  for (const group of draft.groups.values()) groups.set(group.name, new BuiltGroup(group, draft, files));
  const memberships = new Memberships(draft, tree, files);
  const hosts = new Map<string, InventoryHost>();
  for (const host of draft.hosts.values()) {
    hosts.set(host.name, new BuiltHost(host, memberships.of(direct.get(host.name) ?? []), files));
  }
  return { hosts, groups };
}

/** Every host is in `all`; in `ungrouped` if it is in no other group (reconcile_inventory). */
function settleMembership(draft: InventoryDraft, tree: GroupTree): ReadonlyMap<string, readonly string[]> {
  const direct = new Map<string, string[]>();
  for (const group of draft.groups.values()) {
    for (const host of group.hosts) {
      const known = direct.get(host);
      if (known === undefined) direct.set(host, [group.name]);
      else known.push(group.name);
    }
  }
  const ungrouped = draft.groups.get("ungrouped");
  for (const host of draft.hosts.keys()) {
    const groups = direct.get(host) ?? [];
    if (groups.includes("ungrouped")) {
      if (groups.length === 1 && tree.parents.get("ungrouped")?.length === 1) continue;
      if (![...ancestors(groups, tree.parents)].some((name) => name !== "all" && name !== "ungrouped")) continue;
      ungrouped?.hosts.delete(host);
      const others = withoutUngrouped(groups, tree);
      direct.set(host, others);
      if (others.length === 0) warnOfNoGroup(draft, host);
    } else if (groups.every((name) => name === "all")) {
      if (draft.hasGroup(host)) {
        // the group of that name is put there in its stead
        draft.child("ungrouped", host, draft.hosts.get(host)?.at ?? (() => NOWHERE));
        continue;
      }
      ungrouped?.hosts.add(host);
      direct.set(host, [...groups, "ungrouped"]);
    }
  }
  return direct;
}

/**
 * The groups that are left to a host that does not belong into `ungrouped`. Where that stands below other groups, those
 * go too, if no other group of the host stands below them, and even if they name it (inventory/host.py, remove_group).
 */
function withoutUngrouped(groups: readonly string[], { parents }: GroupTree): string[] {
  const left = new Set(ancestors(groups, parents));
  const above = (name: string): readonly string[] => [...ancestors([name], parents)].filter((one) => one !== name && one !== "all");
  const remove = (name: string): void => {
    left.delete(name);
    for (const old of above(name)) if (left.has(old) && ![...left].some((child) => above(child).includes(old))) remove(old);
  };
  remove("ungrouped");
  return groups.filter((name) => left.has(name));
}

function warnOfNoGroup(draft: InventoryDraft, name: string): void {
  const summary = `'${name}' is in no group, not even in 'all': it is in 'ungrouped', which stands below another group`;
  draft.complain("inventory-form", summary, draft.hosts.get(name)?.at ?? (() => NOWHERE), "Do not make 'ungrouped' a child: name the hosts in the group itself", "warning");
}

function warnOfSharedNames(draft: InventoryDraft): void {
  for (const group of draft.groups.values()) {
    const host = draft.hosts.get(group.name);
    if (host === undefined) continue;
    const summary = `'${group.name}' is a host and a group: variables of the host go to the group, as in Ansible`;
    draft.complain("host-and-group", summary, host.at, "Give one of the two another name", "warning");
  }
}

/** What the hosts of the very same groups share. */
interface Membership {
  readonly groups: readonly string[];
  readonly vars: Variables;
}

class Memberships {
  private readonly known = new Map<string, Membership>();

  constructor(
    private readonly draft: InventoryDraft,
    private readonly tree: GroupTree,
    private readonly files: FilesBeside,
  ) {}

  of(direct: readonly string[]): Membership {
    const key = direct.join("\0");
    let membership = this.known.get(key);
    if (membership === undefined) {
      membership = this.make(direct);
      this.known.set(key, membership);
    }
    return membership;
  }

  private make(direct: readonly string[]): Membership {
    const others = [...ancestors(direct, this.tree.parents)].filter((name) => name !== "all").sort((a, b) => this.order(a, b));
    const vars = new Map<string, Placed>();
    const add = (more: Variables | undefined): void => {
      for (const [name, value] of more ?? []) vars.set(name, value);
    };
    // the order of ansible.cfg's default `precedence`: see ansible/vars/manager.py
    add(this.draft.groups.get("all")?.vars);
    for (const name of others) add(this.draft.groups.get(name)?.vars);
    add(this.files.inventory.groups(["all"]));
    add(this.files.playbook.groups(["all"]));
    add(this.files.inventory.groups(others));
    add(this.files.playbook.groups(others));
    return { groups: [...others].sort(compare), vars };
  }

  private order(a: string, b: string): number {
    const depth = (name: string): number => this.tree.depths.get(name) ?? 0;
    const priority = (name: string): number => this.draft.groups.get(name)?.priority ?? 1;
    return depth(a) - depth(b) || priority(a) - priority(b) || compare(a, b);
  }
}

class BuiltHost implements InventoryHost {
  readonly name: string;
  readonly groups: readonly string[];
  readonly vars: Variables;
  readonly own: Variables;
  readonly beside: Variables;

  constructor(private readonly draft: HostDraft, membership: Membership, files: FilesBeside) {
    this.name = draft.name;
    this.groups = membership.groups;
    this.own = layered(draft.vars, files.inventory.host(draft.name));
    this.beside = files.playbook.host(draft.name);
    this.vars = layered(layered(membership.vars, this.own), this.beside);
  }

  get at(): SourceRange {
    return this.draft.at();
  }
}

class BuiltGroup implements InventoryGroup {
  readonly name: string;
  readonly direct: readonly string[];
  readonly children: readonly string[];
  readonly vars: Variables;
  readonly beside: Variables;
  readonly priority: number;
  private all: readonly string[] | undefined;

  constructor(private readonly group: GroupDraft, private readonly draft: InventoryDraft, files: FilesBeside) {
    this.name = group.name;
    this.direct = [...group.hosts];
    this.children = [...group.children];
    this.vars = layered(group.vars, files.inventory.groups([group.name]));
    this.beside = files.playbook.groups([group.name]);
    this.priority = group.priority;
  }

  /** Gathered when they are asked for: in deep trees all lists together would be far longer than the inventory. */
  get hosts(): readonly string[] {
    if (this.all === undefined) {
      const hosts = new Set<string>();
      for (const name of descendants(this.name, this.draft.groups)) {
        for (const host of this.draft.groups.get(name)?.hosts ?? []) hosts.add(host);
      }
      this.all = [...hosts];
    }
    return this.all;
  }

  get at(): SourceRange {
    return this.group.at();
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

