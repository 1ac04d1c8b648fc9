import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange, SourceText } from "../model/source.js";
import type { Placed } from "../load/document.js";
import type { Sealed, Unlock } from "./vault.js";

/** Variables by name, each with the place that it comes from; templates in them are not filled in yet. */
export type Variables = ReadonlyMap<string, Placed>;

/** Hosts and groups as Ansible sees them, every precedence settled but that of `-e` and of a play's `vars`. */
export interface Inventory {
  /** By name, in the order in which they were first named. */
  readonly hosts: ReadonlyMap<string, InventoryHost>;
  /** By name; `all` and `ungrouped` are always there. */
  readonly groups: ReadonlyMap<string, InventoryGroup>;
  /** Decrypts vaulted values; unset where no password was given. */
  readonly unlock?: Unlock;
  /** Files of variables that were left shut: they may set any variable. */
  readonly sealed: readonly SourceRange[];
}

export interface InventoryHost {
  readonly name: string;
  /** all < parent group < child group < host; files beside the playbook above those beside the inventory. */
  readonly vars: Variables;
  /** Its own alone: of the inventory, and of host_vars beside the inventory. */
  readonly own: Variables;
  /** Its own from host_vars beside the playbook. */
  readonly beside: Variables;
  /** Every group that it is in, by itself or through another; without `all`, sorted by name. */
  readonly groups: readonly string[];
  /** Where it was first named. */
  readonly at: SourceRange;
}

export interface InventoryGroup {
  readonly name: string;
  /** Hosts of the group and of its children, in inventory order. */
  readonly hosts: readonly string[];
  /** Hosts of the group itself. */
  readonly direct: readonly string[];
  /** Groups directly below. */
  readonly children: readonly string[];
  /** Of the group itself, and of group_vars beside the inventory. */
  readonly vars: Variables;
  /** Of group_vars beside the playbook. */
  readonly beside: Variables;
  /** `ansible_group_priority`; 1 without it. */
  readonly priority: number;
  /** Where it was first named; `all` and `ungrouped` are there without being named. */
  readonly at: SourceRange;
}

/** What a program printed, and what it ended with. */
export interface ProgramOutput {
  readonly stdout: string;
  readonly stderr: string;
  /** 0 where it went well. */
  readonly exit: number;
}

/**
 * The files that an inventory reaches, as the caller lets it see them. Paths are as the user wrote them, with `/`.
 */
export interface ReadFiles {
  /** The text of a file; undefined where there is none; a diagnostic where it can not be read. */
  read(path: string): SourceText | Diagnostic | undefined;
  /** Names in a folder, in any order; undefined where it is no folder. */
  list(path: string): readonly string[] | undefined;
  /** Runs a file that may be run, and waits; undefined where it may not, or is no program; a text says why it failed to start. */
  run?(path: string, words: readonly string[]): ProgramOutput | string | undefined;
}

/** Whether a file was read: else it was sealed, or could not be. */
export function isSourceText(read: SourceText | Diagnostic | Sealed): read is SourceText {
  return "text" in read;
}

/** No files at all: for inventories that stand on the command line alone. */
export const NO_FILES: ReadFiles = { read: () => undefined, list: () => undefined };
