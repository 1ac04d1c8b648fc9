import type { ConnectionDefaults } from "../../core/inventory/connection.js";
import { readExtraVars } from "../../core/inventory/extra-vars.js";
import type { Inventory, Variables } from "../../core/inventory/inventory.js";
import { readInventory } from "../../core/inventory/load-inventory.js";
import type { Unlock } from "../../core/inventory/vault.js";
import type { NumberReading } from "../../core/load/exact-number.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import { askSecret, canAsk } from "../terminal/prompt.js";
import { readPasswords } from "../vault/passwords.js";
import { unlockWith } from "../vault/unlock.js";
import { EXIT } from "./exit-code.js";
import { Refusal, refusal } from "./failure.js";
import { localFiles } from "./files.js";
import type { CommonOptions, InventoryOptions, VaultOptions } from "./options.js";
import type { Session } from "./session.js";

/** Inventory and variables of the command line. */
export interface KnownHosts {
  readonly inventory: Inventory;
  readonly extraVars: Variables;
  /** The inventory as a command without a playbook reads it; undefined where that can not be read. */
  readonly withoutPlaybook: () => Inventory | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** What commands that go to hosts need besides. */
export interface Surroundings extends KnownHosts {
  readonly defaults: ConnectionDefaults;
}

/**
 * Reads inventory and `-e`, decrypted with the passwords of the command line.
 * @param playbookFolder where group_vars and host_vars are read besides; as in Ansible the current folder without one
 */
export async function knownHosts(
  options: InventoryOptions, session: Pick<Session, "console">, playbookFolder = ".", numbers: NumberReading = "plain",
): Promise<KnownHosts> {
  const unlock = await unlockOf(options, session);
  const reading = { numbers, ...(unlock === undefined ? {} : { unlock }) };
  // its sources are read once: a program may answer otherwise, or not at all, the next time
  const sources = readInventory(options.inventory, localFiles, reading);
  const inventory = sources.beside(playbookFolder);
  const extraVars = readExtraVars(options.extraVars, localFiles, reading);
  const diagnostics = [...inventory.diagnostics, ...extraVars.diagnostics];
  if (inventory.value === undefined || extraVars.value === undefined) throw new Refusal(diagnostics);
  const withoutPlaybook = (): Inventory | undefined => (playbookFolder === "." ? inventory : sources.beside(".")).value;
  return { inventory: inventory.value, extraVars: extraVars.value, withoutPlaybook, diagnostics };
}

/** Reads inventory and `-e`, and asks for the sudo password where -K wants it. */
export async function surroundings(options: CommonOptions, session: Pick<Session, "console">, playbookFolder?: string): Promise<Surroundings> {
  const known = await knownHosts(options, session, playbookFolder);
  const becomePassword = options.askBecomePass === true ? await askBecome(session) : undefined;
  return {
    ...known,
    defaults: {
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(options.become === undefined ? {} : { become: options.become }),
      ...(becomePassword === undefined ? {} : { becomePassword }),
    },
  };
}

/** What decrypts vaults, as the command line says; undefined where it has no password. */
export async function unlockOf(options: VaultOptions, session: Pick<Session, "console">): Promise<Unlock | undefined> {
  const ids = [...options.vaultId, ...options.vaultPasswordFile];
  if (ids.length === 0) return undefined;
  const { value, diagnostics } = await readPasswords(ids, (label) => askVault(label, session));
  if (value === undefined) throw new Refusal(diagnostics);
  return unlockWith(value);
}

async function askVault(label: string, session: Pick<Session, "console">): Promise<string | undefined> {
  if (!canAsk(session.console)) {
    throw refusal("no-terminal", "--vault-id asks for a password, and there is no terminal to ask on", "Name a file: --vault-id NAME@FILE.");
  }
  return askSecret(session.console, `Vault password (${label}): `);
}

async function askBecome(session: Pick<Session, "console">): Promise<string> {
  if (!canAsk(session.console)) {
    throw refusal("no-terminal", "-K asks for a password, and there is no terminal to ask on", "Use a key, or sudo without a password for this login.");
  }
  const password = await askSecret(session.console, "BECOME password: ");
  if (password === undefined) throw refusal("interrupted", "no password was given: nothing was changed", undefined, EXIT.interrupted);
  return password;
}
