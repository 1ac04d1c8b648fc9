import { chmodSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { Stats } from "node:fs";
import { resolve } from "node:path";
import { isSourceText } from "../../core/inventory/inventory.js";
import type { SourceText } from "../../core/model/source.js";
import { refusal } from "./failure.js";
import { readText } from "./files.js";

/** Names by which a process has its own pipes and files: what has such a name is written to, and never replaced. */
const OF_THE_SYSTEM = /^\/(?:dev\/(?!shm\/)|proc\/)/;

/**
 * Writes a file that tells a good deal about hosts: readable by its owner alone, and whole or not at all. Another file under the name is
 * replaced, and its rights with it; so is a link, and what it leads to stays as it is. A pipe or a device gets the text.
 */
export function writePrivate(file: string, text: string): void {
  const found = lookAt(file);
  const draft = `${file}.${process.pid}.new`;
  try {
    if (OF_THE_SYSTEM.test(resolve(file)) || (found !== undefined && !found.isFile())) {
      writeFileSync(file, text, { mode: 0o600 });
      return;
    }
    try {
      writeFileSync(draft, text, { mode: 0o600, flag: "wx" });
      chmodSync(draft, 0o600);
      renameSync(draft, file);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  } catch (error) {
    throw refusal("file-unwritable", `'${file}' can not be written: ${(error as Error).message}`);
  }
}

/** What has the name; undefined where nothing has. Refuses what no text may be written to. */
function lookAt(file: string): Stats | undefined {
  let found: Stats | undefined;
  try {
    found = statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw refusal("file-unwritable", `'${file}' can not be written: ${(error as Error).message}`);
  }
  const other = found?.isBlockDevice() === true ? "a disk" : found?.isDirectory() === true ? "a folder" : undefined;
  if (other === undefined) return found;
  throw refusal("file-unwritable", `'${file}' is ${other}, not a file: nothing was written to it`, "Name a file.");
}

/**
 * Refuses to write over a file that is there, unless it is empty or one of the same kind: before a host is looked at.
 * @param not what it is not, and which option does not write over it
 */
export function refuseUnless(file: string, isAlike: (source: SourceText) => boolean, not: string): void {
  if (lookAt(file)?.isFile() !== true) return;
  const read = readText(file);
  if (read !== undefined && isSourceText(read) && (read.text.trim() === "" || isAlike(read))) return;
  throw refusal("file-unwritable", `'${file}' is there, and is ${not} does not write over it`, "Name another file, or remove that one.");
}
