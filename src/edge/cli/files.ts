import type { Dirent } from "node:fs";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ReadFiles } from "../../core/inventory/inventory.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { SourceText } from "../../core/model/source.js";
import { runProgram } from "./inventory-program.js";

/** More than this is no playbook, inventory or plan. */
const MAX_BYTES = 64 * 1024 * 1024;

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
    // /dev/stdin has no size: only what came is counted
    bytes = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    return unreadable(path, code === "EISDIR" ? "it is a folder" : code === "EACCES" ? "permission denied" : (error as Error).message);
  }
  if (bytes.length > MAX_BYTES) return unreadable(path, `it has more than ${MAX_BYTES} bytes`);
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
