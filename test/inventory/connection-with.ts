import type { Connection, ConnectionDefaults } from "../../src/core/inventory/connection.js";
import { connectionOf } from "../../src/core/inventory/connection.js";
import { readExtraVars } from "../../src/core/inventory/extra-vars.js";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import type { Checked } from "../../src/core/model/diagnostic.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { filesOf } from "../load/files.js";

export interface ConnectionAround {
  readonly name?: string;
  /** Of the command line: `-u`, `-b`, -K. */
  readonly defaults?: ConnectionDefaults;
  /** Each `-e`. */
  readonly extra?: readonly string[];
}

/** The connection to a host that has just these variables in its inventory. */
export function connectionWith(variables: Readonly<Record<string, unknown>>, around: ConnectionAround = {}): Checked<Connection> {
  const { name = "dom0a", defaults = {}, extra = [] } = around;
  const text = JSON.stringify({ all: { hosts: { [name]: variables } } });
  const { value: inventory, diagnostics } = loadInventory(["x.json"], filesOf({ "x.json": text }));
  const host = inventory?.hosts.get(name);
  const extraVars = readExtraVars(extra, NO_FILES).value;
  if (inventory === undefined || host === undefined || extraVars === undefined) throw new Error(renderDiagnostics(diagnostics));
  return connectionOf(host, inventory, extraVars, defaults);
}
