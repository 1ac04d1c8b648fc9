import { existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import type { LintFiles } from "../../core/lint/lint-files.js";
import type { Mend } from "../../core/lint/mend.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import { localFiles } from "./files.js";

/** The files of this machine, by paths as the user wrote them. */
export function lintFiles(): LintFiles {
  const above = new Map<string, readonly string[]>();
  const foldersAbove = (folder: string): readonly string[] => {
    const known = above.get(folder);
    if (known !== undefined) return known;
    const parent = dirname(folder);
    const folders = [relative(process.cwd(), folder) || ".", ...(parent === folder ? [] : foldersAbove(parent))];
    above.set(folder, folders);
    return folders;
  };
  return {
    ...localFiles,
    mode: (path) => statSync(path, { throwIfNoEntry: false })?.mode,
    foldersAbove: (path) => foldersAbove(dirname(resolve(path))),
    relative: (folder, path) => relative(folder, path),
  };
}

const MARK = Buffer.from("\ufeff");

/**
 * Writes what mends a file, by byte ranges: whatever is not mended stays as it is, byte for byte.
 * @returns a diagnostic where the file can not be written, or is no longer what was linted
 */
export function writeMend({ source, edits }: Mend): Diagnostic | undefined {
  const refuse = (why: string): Diagnostic => ({
    severity: "error", code: "file-unwritable", summary: `'${source.file}' can not be mended: ${why}`,
  });
  let fresh: string | undefined;
  try {
    // a link to it stays one: others read the same file
    const path = realpathSync(source.file);
    if (!statSync(path).isFile()) return refuse("it is no file, and what it had is read");
    const bytes = readFileSync(path);
    const shift = bytes.subarray(0, MARK.length).equals(MARK) ? MARK.length : 0;
    if (bytes.subarray(shift).toString("utf8") !== source.text) return refuse("it has changed meanwhile");
    const parts: Buffer[] = [];
    let at = 0;
    for (const { byteStart, byteEnd, text } of edits) {
      parts.push(bytes.subarray(at, shift + byteStart), Buffer.from(text));
      at = shift + byteEnd;
    }
    // beside the file, so that the rename is one step; a half-written inventory would be another one
    fresh = `${path}.converge-${process.pid}`;
    writeFileSync(fresh, Buffer.concat([...parts, bytes.subarray(at)]), { mode: statSync(path).mode, flag: "wx" });
    renameSync(fresh, path);
    return undefined;
  } catch (error) {
    if (fresh !== undefined && existsSync(fresh)) rmSync(fresh);
    return refuse((error as Error).message);
  }
}
