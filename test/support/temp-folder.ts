import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders: string[] = [];

/**
 * A folder that is gone when its test file has been run. Within a test too, where vitest's own `afterAll` comes too late
 * to be heeded.
 */
export function tempFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `converge-${name}-`));
  folders.push(folder);
  return folder;
}

/** For the setup of all test files. */
export function removeTempFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
