import type { InventoryHost } from "../inventory/inventory.js";
import type { LintedInventory } from "./project.js";

/** Names of an inventory that lead to one machine. */
export interface Machine {
  /** As ssh takes it, with the port where one is set. */
  readonly address: string;
  /** In the order of the inventory. */
  readonly hosts: readonly InventoryHost[];
}

/**
 * Hosts that share a machine: the same address and port, by the same way (the same ssh arguments, for behind two
 * jump hosts one private address is two machines).
 */
export function oneMachine({ inventory, connections }: LintedInventory): readonly Machine[] {
  const machines = new Map<string, { address: string; hosts: InventoryHost[] }>();
  for (const host of inventory.hosts.values()) {
    const connection = connections.get(host.name);
    if (connection?.kind !== "ssh") continue;
    const address = connection.address.toLowerCase() + (connection.port === undefined ? "" : `:${connection.port}`);
    const key = `${address}\0${connection.sshArguments.join("\0")}`;
    const machine = machines.get(key);
    if (machine === undefined) machines.set(key, { address, hosts: [host] });
    else machine.hosts.push(host);
  }
  return [...machines.values()].filter(({ hosts }) => hosts.length > 1);
}
