import type { Inventory, InventoryHost } from "../../inventory/inventory.js";
import { NO_VARIABLES } from "../../inventory/variable-files.js";
import type { Placed } from "../../load/document.js";
import { keyPlaceOf, placeOf } from "../../load/document.js";
import { placeText } from "../../load/duplicate-volumes.js";
import { holdsVault } from "../project.js";
import type { Finding, Rule } from "../rule.js";

export const groupTie: Rule = {
  name: "group-tie",
  about: "A host is in two groups of one rank that set a variable differently: their names decide.",
  severity: "warning",
  check: ({ inventories }) => inventories.flatMap(({ inventory }) => tiesOf(inventory)),
};

interface Setter {
  readonly group: string;
  readonly placed: Placed;
}

/** Groups of one rank that disagree on a variable. */
interface Tie {
  readonly name: string;
  readonly setters: readonly Setter[];
}

function tiesOf(inventory: Inventory): Finding[] {
  const ranks = ranksOf(inventory);
  // hosts of the same groups have the same ties
  const known = new Map<string, readonly Tie[]>();
  const told = new Map<string, { readonly tie: Tie; readonly winner: Setter; readonly hosts: string[] }>();
  for (const host of inventory.hosts.values()) {
    const key = host.groups.join("\0");
    let ties = known.get(key);
    if (ties === undefined) {
      ties = tiesAmong(host.groups, inventory, ranks);
      known.set(key, ties);
    }
    for (const tie of ties) {
      const winner = winnerFor(host, tie);
      if (winner === undefined) continue;
      const entry = `${tie.name}\0${winner.group}\0${tie.setters.map(({ group }) => group).join("\0")}`;
      const earlier = told.get(entry);
      if (earlier === undefined) told.set(entry, { tie, winner, hosts: [host.name] });
      else earlier.hosts.push(host.name);
    }
  }
  return [...told.values()].map(({ tie, winner, hosts }) => finding(tie, winner, hosts));
}

function finding({ name, setters }: Tie, winner: Setter, hosts: readonly string[]): Finding {
  const others = setters.filter(({ group }) => group !== winner.group);
  const who = hosts.length === 1 ? `the host ${hosts[0] ?? ""} takes` : `${hosts.length} hosts take`;
  return {
    at: keyPlaceOf(winner.placed),
    summary: `${who} '${name}' from the group '${winner.group}' only for its name's place in the alphabet`,
    detail: others.map(({ group, placed }) => `The group '${group}' sets it to another value: ${placeText(placeOf(placed))}.`).join("\n"),
    fix: "Set ansible_group_priority in one of the groups, or the variable on the host",
  };
}

/** How far below `all` by the longest way, and the priority: what Ansible orders groups by before their names. */
function ranksOf({ groups }: Inventory): ReadonlyMap<string, string> {
  const depths = new Map<string, number>();
  const queue = ["all"];
  depths.set("all", 0);
  for (const name of queue) {
    for (const child of groups.get(name)?.children ?? []) {
      const depth = (depths.get(name) ?? 0) + 1;
      // no group contains itself, so this ends
      if (depth <= (depths.get(child) ?? -1)) continue;
      depths.set(child, depth);
      queue.push(child);
    }
  }
  return new Map([...groups.values()].map(({ name, priority }) => [name, `${depths.get(name) ?? 0} ${priority}`]));
}

function tiesAmong(names: readonly string[], { groups }: Inventory, ranks: ReadonlyMap<string, string>): Tie[] {
  const setters = new Map<string, Setter[]>();
  for (const group of names) {
    const { vars, beside } = groups.get(group) ?? { vars: NO_VARIABLES, beside: NO_VARIABLES };
    for (const [name, placed] of [...vars, ...beside]) {
      // variables of files go before those of inventories, and those beside the playbook before both, whatever the group
      const isFile = /(^|\/)group_vars\//.test(placed.document.source.file);
      const kind = beside.get(name) === placed ? "beside" : isFile ? "file" : "inventory";
      const key = `${name}\0${ranks.get(group) ?? ""}\0${kind}`;
      const list = setters.get(key);
      if (list === undefined) setters.set(key, [{ group, placed }]);
      else list.push({ group, placed });
    }
  }
  return [...setters]
    .filter(([, list]) => !list.some(({ placed }) => holdsVault(placed.value)))
    .filter(([, list]) => new Set(list.map(({ placed }) => JSON.stringify(placed.value))).size > 1)
    .map(([key, list]) => ({ name: key.slice(0, key.indexOf("\0")), setters: list }));
}

/** The group whose value the host has in the end; undefined where something stronger sets it, or nobody differs. */
function winnerFor(host: InventoryHost, { name, setters }: Tie): Setter | undefined {
  const placed = host.vars.get(name);
  return placed === undefined ? undefined : setters.find((setter) => isSame(setter.placed, placed));
}

function isSame(a: Placed, b: Placed): boolean {
  return a === b || (a.document === b.document && a.path.join("\0") === b.path.join("\0"));
}
