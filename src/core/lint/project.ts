import type { Connection } from "../inventory/connection.js";
import type { Inventory, InventoryHost, Variables } from "../inventory/inventory.js";
import type { Document, Placed, PlainMap } from "../load/document.js";
import { isMap, own } from "../load/document.js";
import type { LoadedPlaybooks } from "../load/load-playbooks.js";
import type { HostState } from "../model/host-state.js";
import type { SourceText } from "../model/source.js";

/** All that rules look at: files that could be read, and what they say together. No host is contacted for it. */
export interface Project {
  readonly inventories: readonly LintedInventory[];
  readonly playbooks: readonly LintedPlaybook[];
  /** Files were left shut for want of a password: they may set, and use, any variable. */
  readonly hasSealed: boolean;
  /** Variables of `-e`. */
  readonly extraVars: Variables;
  /** Permission bits of a file or folder; undefined where it is none. */
  readonly mode: (path: string) => number | undefined;
  /** What is recorded of a host; undefined where nothing is. */
  readonly facts: (host: InventoryHost) => HostState | undefined;
}

/** An inventory that has no errors; the same sources come up again with the variables beside a playbook. */
export interface LintedInventory {
  readonly sources: readonly string[];
  readonly inventory: Inventory;
  /** How hosts are reached, by name; not of those whose variables are wrong. */
  readonly connections: ReadonlyMap<string, Connection>;
  /** Every file that was read for it, `group_vars` and `host_vars` too. */
  readonly files: readonly string[];
}

export interface LintedPlaybook {
  readonly source: SourceText;
  /** Unset where the text is no YAML. */
  readonly document?: Document;
  /** What it asks for with each inventory; undefined where that has errors. */
  readonly fillings: readonly Filling[];
}

export interface Filling {
  readonly with: LintedInventory;
  readonly loaded: LoadedPlaybooks | undefined;
}

/** The plays of a playbook as they were written, whatever their form. */
export function rawPlays({ document }: LintedPlaybook): readonly Placed<PlainMap>[] {
  if (document === undefined || !Array.isArray(document.value)) return [];
  return (document.value as unknown[]).flatMap((value, i) => isMap(value) ? [{ value, document, path: [i] }] : []);
}

/** A key of a map with its place; undefined where it is not there. */
export function child(placed: Placed, key: string): Placed | undefined {
  if (!isMap(placed.value) || !Object.hasOwn(placed.value, key)) return undefined;
  return { value: own(placed.value, key), document: placed.document, path: [...placed.path, key] };
}

/** Every text in a value, with its place: itself, or below maps and lists. */
export function textsIn(placed: Placed): Placed<string>[] {
  const { value, document, path } = placed;
  if (typeof value === "string") return [{ value, document, path }];
  if (Array.isArray(value)) return (value as unknown[]).flatMap((item, i) => textsIn({ value: item, document, path: [...path, i] }));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn({ value: item, document, path: [...path, key] }));
}

/** Every variable that inventories set, where they set it, and once: of groups, and of hosts what no group gave them. */
export function definitions(inventories: readonly LintedInventory[]): Definition[] {
  const found: Definition[] = [];
  const known = new Set<Placed>();
  const add = (variables: Variables): void => {
    for (const [name, placed] of variables) {
      if (known.has(placed)) continue;
      known.add(placed);
      found.push({ name, placed });
    }
  };
  for (const { inventory } of inventories) {
    for (const group of inventory.groups.values()) for (const vars of [group.vars, group.beside]) add(vars);
    for (const host of inventory.hosts.values()) for (const vars of [host.own, host.beside]) add(vars);
  }
  return found;
}

/** Whether a vaulted value is in a value: such are never shown, and never compared (one text is never encrypted alike). */
export function holdsVault(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "__ansible_vault") || Object.values(value).some(holdsVault);
}

export interface Definition {
  readonly name: string;
  readonly placed: Placed;
}
