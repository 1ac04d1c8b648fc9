import type { ReadFiles } from "../inventory/inventory.js";

/** The files that a lint reaches, as the caller lets it see them. Paths are as the user wrote them, with `/`. */
export interface LintFiles extends ReadFiles {
  /** Permission bits of a file or folder, as chmod(1) has them; undefined where there is none. */
  mode(path: string): number | undefined;
  /** The folders that a path lies in, nearest first, as far up as may hold a config. */
  foldersAbove(path: string): readonly string[];
  /** A path as it is seen from a folder; it begins with `../` where it lies elsewhere. */
  relative(folder: string, path: string): string;
}

/** The same files, each asked for once: what is read twice is one text. */
export function rememberFiles(files: LintFiles): LintFiles {
  const reads = new Map<string, ReturnType<LintFiles["read"]>>();
  const lists = new Map<string, ReturnType<LintFiles["list"]>>();
  const once = <T>(known: Map<string, T>, path: string, ask: (path: string) => T): T => {
    if (known.has(path)) return known.get(path) as T;
    const answer = ask(path);
    known.set(path, answer);
    return answer;
  };
  return {
    read: (path) => once(reads, path, (p) => files.read(p)),
    list: (path) => once(lists, path, (p) => files.list(p)),
    run: (path, words) => files.run?.(path, words),
    mode: (path) => files.mode(path),
    foldersAbove: (path) => files.foldersAbove(path),
    relative: (folder, path) => files.relative(folder, path),
  };
}
