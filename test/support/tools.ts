import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A program that some tests run, and that not every machine has. */
export interface TestTool {
  readonly command: string;
  /** The Debian package that brings it. */
  readonly package: string;
  /** What is not tested without it. */
  readonly shows: string;
}

export const testTools: readonly TestTool[] = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "tools.txt"), "utf8")
  .split("\n")
  .flatMap((line) => {
    const found = /^([^\s#]\S*)\s+(\S+)\s+(.+)$/.exec(line);
    return found === null ? [] : [{ command: found[1] ?? "", package: found[2] ?? "", shows: found[3] ?? "" }];
  });

export const missingTools: readonly TestTool[] = testTools.filter(({ command }) => !onPath(command));

/**
 * Is the program not there? A test that needs it is skipped then: `test.skipIf(lacks("busybox"))`. In CI it always is
 * there, as missing-tools.ts ends the run before it begins.
 * @throws for a program that is not in tools.txt, as nothing would install it
 */
export function lacks(command: string): boolean {
  if (!testTools.some((tool) => tool.command === command)) throw new Error(`${command} is not in test/support/tools.txt`);
  return missingTools.some((tool) => tool.command === command);
}

function onPath(command: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
