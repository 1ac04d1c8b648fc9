import type { Dirent } from "node:fs";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ReadFiles } from "../../core/inventory/inventory.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { SourceText } from "../../core/model/source.js";
import { runProgram } from "./inventory-program.js";
import { readBytes } from "./read-bytes.js";

/** The files of this machine, by paths as the user wrote them. */
export const localFiles: ReadFiles = {
  read: readText,
  list: (path) => {
    try {
      return readdirSync(path, { withFileTypes: true }).filter((entry) => endsOrLeads(path, entry)).map(({ name }) => name);
    } catch {
      return undefined;
    }
  },
  run: runProgram,
};

/** Not a pipe, a socket or a device: nobody has named it, and reading it may never come to an end. */
function endsOrLeads(folder: string, entry: Dirent): boolean {
  if (entry.isFile() || entry.isDirectory()) return true;
  if (!entry.isSymbolicLink()) return false;
  const found = statSync(join(folder, entry.name), { throwIfNoEntry: false });
  return found === undefined || found.isFile() || found.isDirectory();
}

/** The text of a file; undefined where there is none; a diagnostic where it can not be read as text. */
export function readText(path: string): SourceText | Diagnostic | undefined {
  let bytes: Buffer;
  try {
    bytes = readBytes(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    return unreadable(path, code === "EACCES" ? "permission denied" : (error as Error).message);
  }
  try {
    // BOM off: YAML and INI readers see the text alone
    return { file: path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return unreadable(path, "it is not UTF-8 text");
  }
}

function unreadable(path: string, why: string): Diagnostic {
  return { severity: "error", code: "file-unreadable", summary: `'${path}' can not be read: ${why}` };
}
