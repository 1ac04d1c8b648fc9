import type { Connection } from "../../core/inventory/connection.js";
import { connectionOf } from "../../core/inventory/connection.js";
import { readExtraVars } from "../../core/inventory/extra-vars.js";
import { loadInventory } from "../../core/inventory/load-inventory.js";
import type { Words } from "../../core/inventory/reach-again.js";
import { variablesToReach } from "../../core/inventory/reach-again.js";
import type { Command } from "../../core/model/command.js";
import { quoteCommand } from "../../core/model/command.js";
import { localFiles } from "./files.js";
import type { CommonOptions } from "./options.js";
import type { Surroundings } from "./surroundings.js";

/** A host, and the options by which another command reaches it as this one does. */
export interface Reached {
  readonly name: string;
  readonly reach: () => readonly string[];
}

/** A command about a host, or a guest there, that can be typed as it stands. */
export function commandAgain(command: "attach" | "resume" | "rollback" | "status", { name, reach }: Reached, ...domain: readonly string[]): Command {
  return ["converge", command, ...reach(), name, ...domain];
}

/** The same as text, for a sentence. */
export function commandAgainText(...about: Parameters<typeof commandAgain>): string {
  return quoteCommand(commandAgain(...about));
}

/**
 * The options by which `attach`, `resume` and the like reach a host as it is reached here. They hold no password and no `-e`
 * as it was typed: that may hold anything, and what it means for the connection is said instead. So is what only the
 * playbook's own variables say, or a saved plan.
 * @param connection how the host is reached
 * @param options of this command
 */
export function optionsToReach(name: string, connection: Connection, options: CommonOptions, around: Surroundings): readonly string[] {
  const vaults = [...options.vaultPasswordFile.map((file) => ["--vault-password-file", file]), ...options.vaultId.map((id) => ["--vault-id", id])];
  const isTyped = options.inventory.length > 0 && [...options.inventory, ...vaults.flat()].every(isThereAgain);
  // a plan says itself how its hosts are reached: neither -u nor -b counts there
  const { becomePassword, ...typed } = around.defaults;
  const defaults = { ...(isTyped ? typed : {}), ...(becomePassword === undefined ? {} : { becomePassword }) };
  const unlock = around.inventory.unlock === undefined ? {} : { unlock: around.inventory.unlock };
  const inventory = isTyped ? around.withoutPlaybook() : loadInventory([`${name},`], localFiles, { playbookFolder: ".", ...unlock }).value;
  const host = inventory?.hosts.get(name);
  const files = options.extraVars.filter((text) => text.startsWith("@") && isThereAgain(text));
  const reached = (variables: Words): Connection | undefined => {
    const extra = readExtraVars([...files, ...asOption(variables)], localFiles, unlock).value;
    return host === undefined || inventory === undefined || extra === undefined ? undefined : connectionOf(host, inventory, extra, defaults).value;
  };
  const variables = variablesToReach(connection, reached);
  const password = connection.become?.password;
  const asks = options.askBecomePass === true || (password !== undefined && reached(variables)?.become?.password !== password);
  return [
    ...(isTyped ? options.inventory : [`${name},`]).flatMap((source) => ["-i", source]),
    ...[...files, ...asOption(variables)].flatMap((text) => ["-e", text]),
    ...(isTyped && options.user !== undefined ? ["-u", options.user] : []),
    ...(isTyped && options.become === true ? ["-b"] : []),
    ...(asks ? ["-K"] : []),
    ...vaults.filter((vault) => vault.every(isThereAgain)).flat(),
  ];
}

/** Not what a shell's `<(…)` or a pipe has handed over: that can be read once. */
function isThereAgain(word: string): boolean {
  return !/(^|@)\/(dev|proc)\//.test(word);
}

/** As one `-e`: as pairs where no word needs more, and as a map otherwise. */
function asOption(variables: Words): readonly string[] {
  const pairs = Object.entries(variables);
  if (pairs.length === 0) return [];
  const isPlain = pairs.every(([, value]) => /^[A-Za-z0-9_@%+:,./-]*$/.test(value));
  return [isPlain ? pairs.map(([name, value]) => `${name}=${value}`).join(" ") : JSON.stringify(variables)];
}
