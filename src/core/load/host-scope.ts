import type { Inventory, InventoryHost, Variables } from "../inventory/inventory.js";
import type { Placed } from "./document.js";
import { documentOf } from "./document.js";
import { Scope } from "./scope.js";

const BUILT_IN = { source: { file: "built in", text: "" }, start: 0, end: 0 };

function builtIn(value: unknown): Placed {
  return { value, document: documentOf(value, BUILT_IN), path: [] };
}

/** Variables of a play on one host: built-in names < the host's < the play's `vars` < `-e`. */
export function scopeOf(
  host: InventoryHost, inventory: Inventory, layers: { readonly play?: Variables; readonly extra: Variables },
): Scope {
  const vars = new Map<string, Placed>(host.vars);
  for (const [name, placed] of layers.play ?? []) vars.set(name, placed);
  for (const [name, placed] of layers.extra) vars.set(name, placed);
  vars.set("inventory_hostname", builtIn(host.name));
  vars.set("inventory_hostname_short", builtIn(host.name.split(".")[0]));
  vars.set("group_names", builtIn(host.groups));
  vars.set("groups", builtIn(groupsOf(inventory)));
  return new Scope(vars, undefined, `host ${host.name}`, inventory.unlock, inventory.sealed.length > 0);
}

/** Variables of a play's own lines (`hosts`, `serial`…), which are the same for every host. */
export function playScope(play: Variables, extra: Variables): Scope {
  return new Scope(new Map([...play, ...extra]));
}

const known = new WeakMap<Inventory, unknown>();

/** `groups` as Ansible has it: a group's hosts by its name. One map for all hosts. */
function groupsOf(inventory: Inventory): unknown {
  const cached = known.get(inventory);
  if (cached !== undefined) return cached;
  const groups = Object.fromEntries([...inventory.groups].map(([name, group]) => [name, group.hosts]));
  known.set(inventory, groups);
  return groups;
}
