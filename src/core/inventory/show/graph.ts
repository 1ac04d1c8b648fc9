import type { Diagnostic } from "../../model/diagnostic.js";
import type { InventoryGroup } from "../inventory.js";
import { byCodePoint } from "./json-text.js";
import { pythonText } from "./python-text.js";
import type { InventoryView } from "./view.js";
import { MAX_OUTPUT, groupVariables, hostVariables, isMeant, shownValues, tooLong } from "./view.js";

/**
 * What `ansible-inventory --graph` prints (cli/inventory.py, inventory_graph), or that it is too long: a group stands
 * there as often as it has ways to it.
 * @param from the group that it begins at
 * @param vars with variables (`--vars`)
 */
export function graphText(view: InventoryView, from: InventoryGroup, vars: boolean): string | Diagnostic {
  const graph = new Graph(view, vars);
  return graph.group(from, 0) ? `${graph.lines.join("\n")}\n` : tooLong();
}

class Graph {
  readonly lines: string[] = [];
  private length = 0;

  constructor(
    private readonly view: InventoryView,
    private readonly vars: boolean,
  ) {}

  /** @returns false once there is too much */
  group(group: InventoryGroup, depth: number): boolean {
    this.line(`@${group.name}:`, depth);
    for (const name of group.children) {
      const child = this.view.inventory.groups.get(name);
      if (child !== undefined && !this.group(child, depth + 1)) return false;
    }
    for (const name of group.name === "all" ? [] : group.direct) {
      this.host(name, depth + 1);
      if (this.length > MAX_OUTPUT) return false;
    }
    if (this.vars) this.variables(groupVariables(this.view, group), depth + 1);
    return this.length <= MAX_OUTPUT;
  }

  private host(name: string, depth: number): void {
    const host = this.view.inventory.hosts.get(name);
    if (host === undefined || !isMeant(this.view, name)) return;
    this.line(name, depth);
    if (this.vars) this.variables(shownValues(hostVariables(this.view, host)), depth + 1);
  }

  private variables(vars: readonly (readonly [string, unknown])[], depth: number): void {
    for (const [name, value] of [...vars].sort(([a], [b]) => byCodePoint(a, b))) {
      this.line(`{${name} = ${pythonText(value, this.view.inventory.unlock)}}`, depth);
    }
  }

  private line(text: string, depth: number): void {
    const line = depth === 0 ? text : `${"  |".repeat(depth)}--${text}`;
    this.length += line.length;
    this.lines.push(line);
  }
}
