import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { registries } from "../../scripts/registries.js";
import { tempFolder } from "../support/temp-folder.js";

test.each([...registries(".")])("%s is what `npm run generate` writes", (path, text) => {
  expect(readFileSync(path, "utf8"), "run `npm run generate`, and commit what it writes").toBe(text);
});

/** Registries of a tree that has nothing but these checks. */
function generated(files: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const root = tempFolder("registries");
  for (const folder of ["steps", "strategies", "checks", "lint/rules", "facts"]) mkdirSync(join(root, "src/core", folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, "src/core/checks", name), text);
  return registries(root);
}

describe("the generator", () => {
  test("registers what is exported and has the folder's type, and nothing else", () => {
    const text = generated({
      "b.ts": 'const LIMIT = 3;\nexport const two: Check = {\n  code: "two",\n};\nexport const MORE: Readonly<Record<string, string>> = { a: "b" };\n',
      "a.ts": 'export const one: Check = {\n  code: "one-more",\n};\n',
      "users.ts": 'export function usersOf(): void {\n  code: "x";\n}\n',
    }).get("src/core/checks/registry.ts");
    expect(text).toContain('import { one } from "./a.js";\nimport { two } from "./b.js";\n');
    expect(text).toContain('export const checks = {\n  "one-more": one,\n  two,\n} as const;\n');
  });

  test.each([
    ["has no type", { "a.ts": 'export const one = {\n  code: "one",\n} satisfies Check;\n' },
      "src/core/checks/a.ts: one would not be registered: declare it as `export const one: Check`"],
    ["is not exported", { "a.ts": 'const one: Check = {\n  code: "one",\n};\n' },
      "src/core/checks/a.ts: one would not be registered: declare it as `export const one: Check`"],
    ["has a code that is made elsewhere, and another one after it", { "a.ts": 'export const one: Check = {\n  code: CODE,\n};\nexport const two: Check = {\n  code: "two",\n};\n' },
      'src/core/checks/a.ts: one has no `code` that can be read: write `code: "…"` into it, in a line of its own'],
    ["has the code of another", { "a.ts": 'export const one: Check = {\n  code: "one",\n};\n', "b.ts": 'export const two: Check = {\n  code: "one",\n};\n' },
      '"one" stands in src/core/checks/a.ts and in src/core/checks/b.ts: give one of them another'],
    ["has the name of another", { "a.ts": 'export const limit: Check = {\n  code: "one",\n};\n', "b.ts": 'export const limit: Check = {\n  code: "two",\n};\n' },
      "limit is a constant of src/core/checks/a.ts and of src/core/checks/b.ts: give one of them another name"],
    ["is a fact and not exported", { "../facts/a.ts": "const fact: FirstFact<string> = {};\n" }, "src/core/facts/a.ts: fact would not be registered"],
    ["is a fact of another name", { "../facts/a.ts": "export const uptime: SecondFact<string, First> = {};\n" }, "src/core/facts/a.ts: uptime would not be registered"],
  ])("says what to do about one that %s", (_, files, says) => {
    expect(() => generated(files)).toThrow(says);
  });
});
