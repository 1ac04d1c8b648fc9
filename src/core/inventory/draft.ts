import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import { placeOf } from "../load/document.js";
import type { Placed } from "../load/document.js";

/** A place that is looked up when a complaint needs it: in a large inventory few are ever asked for. */
export type Place = () => SourceRange;

export interface GroupDraft {
  readonly name: string;
  readonly hosts: Set<string>;
  readonly children: Set<string>;
  readonly vars: Map<string, Placed>;
  priority: number;
  readonly at: Place;
}

export interface HostDraft {
  readonly name: string;
  readonly vars: Map<string, Placed>;
  readonly at: Place;
}

/** A group below another, in the order in which they were put there. */
export interface Edge {
  readonly parent: string;
  readonly child: string;
  readonly at: Place;
}

export const NOWHERE: SourceRange = { source: { file: "inventory", text: "" }, start: 0, end: 0 };
/** More hosts than any pool has; ranges can stand for more than a machine can hold. */
const MAX_HOSTS = 200_000;

/**
 * An inventory while its sources are read one after another (inventory/data.py): later ones add to, and override,
 * earlier ones.
 */
export class InventoryDraft {
  readonly diagnostics: Diagnostic[] = [];
  readonly groups = new Map<string, GroupDraft>();
  readonly hosts = new Map<string, HostDraft>();
  readonly edges: Edge[] = [];
  private full = false;

  constructor() {
    const nowhere: Place = () => NOWHERE;
    this.group("all", nowhere);
    this.group("ungrouped", nowhere);
    this.child("all", "ungrouped", nowhere);
  }

  hasGroup(name: string): boolean {
    return this.groups.has(name);
  }

  hasHost(name: string): boolean {
    return this.hosts.has(name);
  }

  group(name: string, at: Place): void {
    if (name === "") this.complain("inventory-form", "the name of a group is empty", at);
    else if (!this.groups.has(name)) {
      this.groups.set(name, { name, hosts: new Set(), children: new Set(), vars: new Map(), priority: 1, at });
    }
  }

  /** @param port set where this is the first mention of the host, as in Ansible */
  host(name: string, group: string | undefined, at: Place, port?: Placed): void {
    if (name === "") {
      this.complain("inventory-form", "the name of a host is empty", at);
      return;
    }
    if (!this.hosts.has(name)) {
      if (this.hosts.size >= MAX_HOSTS) {
        if (!this.full) this.complain("too-many-values", `more than ${MAX_HOSTS} hosts`, at, "Take a part of the inventory");
        this.full = true;
        return;
      }
      this.hosts.set(name, { name, vars: new Map(port === undefined ? [] : [["ansible_port", port]]), at });
    }
    if (group === undefined) return;
    this.group(group, at);
    this.groups.get(group)?.hosts.add(name);
  }

  /** Of a group of that name if there is one, else of a host: so does Ansible, even where a host is meant. */
  variable(entity: string, name: string, value: Placed): void {
    const group = this.groups.get(entity);
    if (group === undefined) this.hosts.get(entity)?.vars.set(name, value);
    else if (name === "ansible_group_priority") this.priority(group, value);
    else group.vars.set(name, value);
  }

  private priority(group: GroupDraft, placed: Placed): void {
    const { value } = placed;
    const number = typeof value === "string" && /^\s*[-+]?\d+\s*$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isFinite(number)) group.priority = Math.trunc(number);
    else if (typeof number === "boolean") group.priority = Number(number);
    else {
      const summary = "'ansible_group_priority' is a whole number";
      this.complain("group-priority", summary, () => placeOf(placed), "Write a number: the highest one wins; 1 is what others have");
    }
  }

  /** Puts a group, or a host, below a group. */
  child(parent: string, child: string, at: Place): void {
    this.group(parent, at);
    const group = this.groups.get(parent);
    if (group === undefined) return;
    if (!this.groups.has(child) && this.hosts.has(child)) {
      group.hosts.add(child);
      return;
    }
    this.group(child, at);
    if (group.children.has(child)) return;
    group.children.add(child);
    this.edges.push({ parent, child, at });
  }

  complain(code: string, summary: string, at: Place, fix?: string, severity: Diagnostic["severity"] = "error"): void {
    this.diagnostics.push({ severity, code, summary, at: at(), ...(fix === undefined ? {} : { fix }) });
  }
}
