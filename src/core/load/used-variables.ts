import type { InventoryHost, Variables } from "../inventory/inventory.js";
import type { Placed } from "./document.js";
import { isMap } from "./document.js";
import { looksTemplated, parseTemplate } from "./template.js";

/** First names of the variables that the templates in a value read; none of templates that can not be read. */
export function namesUsed(value: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  collect(value, names);
  return names;
}

function collect(value: unknown, names: Set<string>): void {
  if (typeof value === "string") {
    if (!looksTemplated(value)) return;
    for (const part of parseTemplate(value).template?.parts ?? []) {
      if (typeof part !== "string") for (const root of part.roots) names.add(root.text);
    }
  } else if (Array.isArray(value)) for (const item of value as unknown[]) collect(item, names);
  else if (isMap(value)) for (const item of Object.values(value)) collect(item, names);
}

/** A variable's value as text, and the variables that it is made of. */
interface Known {
  readonly text: string;
  readonly names: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Tells hosts apart by what templates read of them: hosts of one key are filled in alike. Most hosts of a play are, for
 * what differs between them (an address, a serial number) is seldom what a playbook uses.
 */
export class HostKeys {
  private readonly known = new Map<Placed, Known>();

  /** @param above variables that beat the host's own, strongest first */
  constructor(
    private readonly names: ReadonlySet<string>,
    private readonly above: readonly Variables[],
  ) {}

  keyOf(host: InventoryHost): string {
    let key = "";
    const seen = new Set(this.names);
    for (const name of seen) {
      const known = this.variable(name, host);
      key += `${name}=${known?.text ?? ""}\0`;
      for (const more of known?.names ?? NONE) seen.add(more);
    }
    return key;
  }

  private variable(name: string, host: InventoryHost): Known | undefined {
    // these two differ from host to host, whatever the inventory says; `groups` is the same for all
    if (name === "inventory_hostname" || name === "inventory_hostname_short") return { text: host.name, names: NONE };
    if (name === "group_names") return { text: JSON.stringify(host.groups), names: NONE };
    const placed = this.above.find((variables) => variables.has(name))?.get(name) ?? host.vars.get(name);
    if (placed === undefined) return undefined;
    const known = this.known.get(placed) ?? { text: JSON.stringify(placed.value), names: namesUsed(placed.value) };
    this.known.set(placed, known);
    return known;
  }
}
