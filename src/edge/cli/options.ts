import type { Command } from "commander";
import { InvalidArgumentError } from "commander";

/** What opens vaults. */
export interface VaultOptions {
  readonly vaultPasswordFile: readonly string[];
  readonly vaultId: readonly string[];
}

/** What every command takes that reads an inventory. */
export interface InventoryOptions extends VaultOptions {
  readonly inventory: readonly string[];
  readonly extraVars: readonly string[];
  /** commander's form of `--no-color`. */
  readonly color: boolean;
}

/** What every command takes that goes to hosts. */
export interface CommonOptions extends InventoryOptions {
  readonly user?: string;
  readonly become?: boolean;
  readonly askBecomePass?: boolean;
  readonly verbose: number;
  readonly json?: boolean;
}

/** What commands over playbooks take besides. */
export interface RunOptions extends CommonOptions {
  readonly limit: readonly string[];
  readonly domain: readonly string[];
  readonly forks: number;
  readonly diff?: boolean;
  readonly check?: boolean;
  readonly out?: string;
  readonly yes?: boolean;
  readonly detailedExitcode?: boolean;
}

/** One more value of an option that may be given several times. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("It takes a whole number of at least 1.");
  return number;
}

/** Options about passwords of vaults. */
export function withVaultOptions(command: Command): Command {
  return command
    .option("--vault-password-file <file>", "decrypt vaulted values and files with this password (repeatable)", collect, [])
    .option("--vault-id <label@file>", "the same, with a label; `label@prompt` asks (repeatable)", collect, []);
}

/** Options about which hosts there are. */
export function withInventoryOptions(command: Command): Command {
  const known = command
    .option("-i, --inventory <path>", "inventory file, folder, or `host,` list (repeatable)", collect, [])
    .option("-e, --extra-vars <vars>", "`k=v`, `@file` or JSON; the strongest variables (repeatable)", collect, []);
  return withVaultOptions(known)
    .option("--no-color", "no colours (NO_COLOR does the same)");
}

/** Options about hosts and output: the names and letters that Ansible's users have in their fingers. */
export function withCommonOptions(command: Command): Command {
  return withInventoryOptions(command)
    .option("-u, --user <name>", "log in as this user where the inventory names none")
    .option("-b, --become", "become root by sudo where the inventory does not say")
    .option("-K, --ask-become-pass", "ask for the sudo password")
    .option("-v, --verbose", "tell more; -vv and -vvv tell still more", (_value: string, level: number) => level + 1, 0)
    .option("--json", "one JSON object a line on standard output");
}

/** `-l`, for commands that take a part of the hosts. */
export function withLimit(command: Command, when = ""): Command {
  return command.option("-l, --limit <pattern>", `${when}only these hosts and groups; \`@file\` has one a line (repeatable)`, collect, []);
}

/** `-f`, for commands that work on many hosts. */
export function withForks(command: Command): Command {
  return command.option("-f, --forks <n>", "look at this many hosts at a time, and work on no more", positive, 5);
}

/** Options about what to work on. */
export function withRunOptions(command: Command): Command {
  return withForks(withLimit(withCommonOptions(command)).option("--domain <glob>", "only guests of these names (repeatable)", collect, []))
    .option("-D, --diff", "show config diffs; they are always shown, the option is for habit")
    .option("--out <file>", "with --check: save the plan, for `converge apply FILE`")
    .option("--detailed-exitcode", "with --check: exit 2 when changes are pending");
}
