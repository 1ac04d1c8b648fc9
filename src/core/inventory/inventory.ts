import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange, SourceText } from "../model/source.js";
import type { Placed } from "../load/document.js";

/** Variables by name, each with the place that it comes from; templates in them are not filled in yet. */
export type Variables = ReadonlyMap<string, Placed>;

/** Hosts and groups as Ansible sees them, every precedence settled but that of `-e` and of a play's `vars`. */
export interface Inventory {
  /** By name, in the order in which they were first named. */
  readonly hosts: ReadonlyMap<string, InventoryHost>;
  /** By name; `all` and `ungrouped` are always there. */
  readonly groups: ReadonlyMap<string, InventoryGroup>;
}

export interface InventoryHost {
  readonly name: string;
  /** all < parent group < child group < host. */
  readonly vars: Variables;
  /** Every group that it is in, by itself or through another; without `all`, sorted by name. */
  readonly groups: readonly string[];
  /** Where it was first named. */
  readonly at: SourceRange;
}

export interface InventoryGroup {
  readonly name: string;
  /** Hosts of the group and of its children, in inventory order. */
  readonly hosts: readonly string[];
  /** Groups directly below. */
  readonly children: readonly string[];
  /** Of the group itself. */
  readonly vars: Variables;
}

/**
 * The files that an inventory reaches, as the caller lets it see them. Paths are as the user wrote them, with `/`.
 */
export interface ReadFiles {
  /** The text of a file; undefined where there is none; a diagnostic where it can not be read. */
  read(path: string): SourceText | Diagnostic | undefined;
  /** Names in a folder, in any order; undefined where it is no folder. */
  list(path: string): readonly string[] | undefined;
}

export function isSourceText(read: SourceText | Diagnostic): read is SourceText {
  return "text" in read;
}

/** No files at all: for inventories that stand on the command line alone. */
export const NO_FILES: ReadFiles = { read: () => undefined, list: () => undefined };
