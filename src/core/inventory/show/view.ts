import type { Diagnostic } from "../../model/diagnostic.js";
import type { Placed } from "../../load/document.js";
import type { Inventory, InventoryGroup, InventoryHost, Variables } from "../inventory.js";
import { layered } from "../layered.js";

/** What is shown of an inventory, and what with it. */
export interface InventoryView {
  readonly inventory: Inventory;
  /** Of `-e`: every host has them. */
  readonly extraVars: Variables;
  /** Hosts that `-l` leaves; undefined: all. */
  readonly limit?: ReadonlySet<string>;
  /** The playbook's folder was named, and is not just the current one: its group_vars count for groups too. */
  readonly playbookNamed: boolean;
}

/** What Ansible sets for itself, and ansible-inventory leaves out (cli/inventory.py). */
const INTERNAL = new Set([
  "ansible_diff_mode", "ansible_config_file", "ansible_facts", "ansible_forks", "ansible_inventory_sources", "ansible_limit",
  "ansible_playbook_python", "ansible_run_tags", "ansible_skip_tags", "ansible_verbosity", "ansible_version", "inventory_dir",
  "inventory_file", "inventory_hostname", "inventory_hostname_short", "groups", "group_names", "omit", "playbook_dir",
]);

/** Whether ansible-inventory prints a variable: not those that Ansible itself makes. */
export function isShownVariable(name: string): boolean {
  return !INTERNAL.has(name);
}

/** All variables of a host, those of its groups and of `-e` included. */
export function hostVariables(view: InventoryView, host: InventoryHost): Variables {
  return layered(host.vars, view.extraVars);
}

/** Variables that are a host's own. */
export function ownVariables(view: InventoryView, host: InventoryHost): Variables {
  return view.playbookNamed ? layered(host.own, host.beside) : host.own;
}

/** Variables that are a group's own; its priority is one of them, where it is set. */
export function groupVariables(view: InventoryView, group: InventoryGroup): readonly (readonly [string, unknown])[] {
  const vars = view.playbookNamed ? layered(group.vars, group.beside) : group.vars;
  const shown = shownValues(vars);
  return group.priority === 1 ? shown : [...shown.filter(([name]) => name !== "ansible_group_priority"), ["ansible_group_priority", group.priority]];
}

/** Those variables of a map that are printed, with their values. */
export function shownValues(vars: Variables): readonly (readonly [string, unknown])[] {
  return [...vars].filter(([name]) => isShownVariable(name)).map(([name, placed]: [string, Placed]) => [name, placed.value]);
}

/** Whether `--limit` leaves a host; without one, it leaves all. */
export function isMeant(view: InventoryView, host: string): boolean {
  return view.limit?.has(host) !== false;
}

/** More than this is no text that anybody, or any program, reads. */
export const MAX_OUTPUT = 128 * 1024 * 1024;

/** Output that groups within groups, or variables of very many hosts, make longer than can be held. */
export function tooLong(): Diagnostic {
  return {
    severity: "error", code: "too-large", summary: `what there is to print is far too much: more than ${MAX_OUTPUT} characters`,
    fix: "Take a part of it: -l PATTERN, or --host NAME",
  };
}
