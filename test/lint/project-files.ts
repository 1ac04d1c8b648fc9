import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import type { LintFiles } from "../../src/core/lint/lint-files.js";
import type { LintReport, LintRequest } from "../../src/core/lint/lint.js";
import { lint } from "../../src/core/lint/lint.js";
import { filesOf } from "../load/files.js";

/** Projects for the linter: folders of fixtures, and texts by path. */

/** Modes of files, as git does not keep them: `modes.json` in a fixture's folder, octal by path. */
const MODES = "modes.json";

/** A fixture's folder; what it names may lie outside of it. */
export function fixtureFiles(folder: string): LintFiles {
  const full = (path: string): string => join(folder, path);
  const modes = existsSync(full(MODES)) ? (JSON.parse(readFileSync(full(MODES), "utf8")) as Record<string, string>) : {};
  return {
    read: (path) => existsSync(full(path)) && statSync(full(path)).isFile() ? { file: path, text: readFileSync(full(path), "utf8") } : undefined,
    list: (path) => existsSync(full(path)) && statSync(full(path)).isDirectory() ? readdirSync(full(path)).filter((name) => name !== MODES) : undefined,
    mode: (path) => modes[path] === undefined ? 0o644 : Number.parseInt(modes[path], 8),
    ...paths,
  };
}

/** Texts by path, with the modes of some of them. */
export function textFiles(texts: Readonly<Record<string, string>>, modes: Readonly<Record<string, number>> = {}): LintFiles {
  return { ...filesOf(texts), mode: (path) => modes[path] ?? 0o644, ...paths };
}

const paths: Pick<LintFiles, "foldersAbove" | "relative"> = {
  foldersAbove(path) {
    const folders: string[] = [];
    for (let folder = posix.dirname(path); folder !== "."; folder = posix.dirname(folder)) folders.push(folder);
    return [...folders, "."];
  },
  relative: (folder, path) => posix.relative(folder, path),
};

export function lintAll(files: LintFiles, request: Partial<LintRequest> = {}): LintReport {
  return lint({ paths: ["."], inventories: [], extraVars: new Map(), ...request }, files);
}
