import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parse } from "yaml";
import type { ReadFiles } from "../../../src/core/inventory/inventory.js";
import { isSourceText } from "../../../src/core/inventory/inventory.js";
import { localFiles } from "../../../src/edge/cli/files.js";
import { runProgram } from "../../../src/edge/cli/inventory-program.js";

/** A small inventory, and how ansible-inventory is asked about it: a file of cases/. */
export interface InventoryCase {
  readonly name: string;
  readonly about: string;
  readonly files: Readonly<Record<string, string>>;
  readonly executable?: readonly string[];
  readonly inventory: readonly string[];
  readonly options?: readonly string[];
  readonly hosts?: readonly string[];
  /** Why it can not be exported as YAML. */
  readonly notExported?: string;
}

/** What ansible-inventory said: a file of recorded/. */
export interface Recording {
  readonly list: unknown;
  readonly export: unknown;
  readonly graph: string | Failed;
  readonly graphVars: string | Failed;
  readonly host?: Readonly<Record<string, unknown>>;
  /** A source could not be read, and was left out. */
  readonly unparsed?: boolean;
}

export interface Failed {
  readonly failed: number;
}

export const HERE = import.meta.dirname;

export function cases(): readonly InventoryCase[] {
  return readdirSync(join(HERE, "cases")).map((file) => {
    const text = readFileSync(join(HERE, "cases", file), "utf8");
    return { ...(parse(text) as Omit<InventoryCase, "name">), name: basename(file, ".yml") };
  });
}

/** Lays the files of a case out, and gives the folder. */
export function layOut(one: Pick<InventoryCase, "files" | "executable">): string {
  const folder = mkdtempSync(join(tmpdir(), "converge-inventory-"));
  for (const [path, text] of Object.entries(one.files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    if (one.executable?.includes(path) === true) chmodSync(join(folder, path), 0o755);
  }
  return folder;
}

/** The files of this machine as they are seen from a folder. */
export function seenFrom(folder: string): ReadFiles {
  return {
    read: (path) => {
      const read = localFiles.read(join(folder, path));
      return read !== undefined && isSourceText(read) ? { ...read, file: path } : read;
    },
    list: (path) => localFiles.list(join(folder, path)),
    run: (path, words) => runProgram(join(folder, path), words),
  };
}

/** The values of an option that may be given several times. */
export function optionValues(options: readonly string[], ...names: readonly string[]): readonly string[] {
  return options.flatMap((word, i) => (names.includes(options[i - 1] ?? "") ? [word] : []));
}
