import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ReadFiles } from "../../src/core/inventory/inventory.js";

/** Files below a folder, named from there: complaints are the same wherever the checkout lies. */
export function filesBelow(folder: string): ReadFiles {
  return {
    read(path) {
      const full = join(folder, path);
      return existsSync(full) && statSync(full).isFile() ? { file: path, text: readFileSync(full, "utf8") } : undefined;
    },
    list(path) {
      const full = join(folder, path);
      return existsSync(full) && statSync(full).isDirectory() ? readdirSync(full) : undefined;
    },
  };
}

/** An inventory's or a playbook's files, given as texts by path. */
export function filesOf(texts: Readonly<Record<string, string>>): ReadFiles {
  return {
    read(path) {
      const text = texts[path];
      return text === undefined ? undefined : { file: path, text };
    },
    list(path) {
      const prefix = path === "." ? "" : `${path}/`;
      const names = Object.keys(texts).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
      return names.length === 0 ? undefined : [...new Set(names.map((name) => name.split("/")[0] ?? ""))];
    },
  };
}
