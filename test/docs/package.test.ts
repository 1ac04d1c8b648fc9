import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** What `npm pack` puts into the package has to work from there. */

const root = ".";
const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { files: readonly string[] };

test("the package has the recordings that its inventories name", () => {
  const named = readdirSync(join(root, "inventory")).flatMap((name) => {
    const text = readFileSync(join(root, "inventory", name), "utf8");
    return [...text.matchAll(/^ *converge_facts: *(\S+)$/gm)].map(([, path = ""]) => join("inventory", path));
  });
  expect(named).not.toEqual([]);
  for (const path of named) {
    expect(existsSync(join(root, path)), path).toBe(true);
    expect(files.some((file) => path === file || path.startsWith(`${file}/`)), path).toBe(true);
  }
});
