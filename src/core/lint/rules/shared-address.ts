import { placeText } from "../../load/duplicate-volumes.js";
import { placeOf } from "../../load/document.js";
import type { InventoryHost } from "../../inventory/inventory.js";
import type { SourceRange } from "../../model/source.js";
import { oneMachine } from "../machines.js";
import type { Rule } from "../rule.js";

export const sharedAddress: Rule = {
  name: "shared-address",
  about: "Two names of hosts with one address: what is done on both is done twice to one machine.",
  severity: "warning",
  check: ({ inventories }) => inventories.flatMap((linted) => oneMachine(linted).flatMap(({ address, hosts }) => {
    const [first, ...others] = hosts;
    if (first === undefined) return [];
    return others.map((host) => ({
      at: addressAt(host), subject: { host: host.name },
      summary: `the hosts ${first.name} and ${host.name} have one address: ${address}`,
      detail: `The other one: ${placeText(addressAt(first))}.`,
      fix: "Keep one of the names, or give each the address of its own machine",
    }));
  })),
};

function addressAt(host: InventoryHost): SourceRange {
  const placed = host.vars.get("ansible_ssh_host") ?? host.vars.get("ansible_host");
  return placed === undefined ? host.at : placeOf(placed);
}
