import { Ajv } from "ajv";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isMap } from "../../src/core/load/document.js";
import { playbookSchemaForEditors } from "../../src/core/load/schema/for-editors.js";
import { playbookSchema } from "../../src/core/load/schema/playbook.js";
import { readYaml } from "../../src/core/load/yaml.js";
import { strategies } from "../../src/core/strategies/registry.js";

const editors = playbookSchemaForEditors();
if (!isMap(editors)) throw new Error("a schema is a map");
const validate = new Ajv({ strict: false }).compile(editors);

function valueOf(folder: string, name: string): unknown {
  const text = readFileSync(join(import.meta.dirname, folder, name), "utf8");
  return readYaml({ file: name, text }, { duplicateKeys: "error", ansible: false }).value?.value;
}

describe("the schema that editors get", () => {
  const good = ["good", "../../playbooks"].flatMap((folder) => readdirSync(join(import.meta.dirname, folder)).map((name) => [folder, name] as const));
  test.each(good.filter(([, name]) => name.endsWith(".yml")))("takes %s/%s, templates and all", (folder, name) => {
    expect(validate(valueOf(folder, name)), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each(["unknown-key.yml", "misplaced-keys.yml", "units.yml", "several-mistakes.yml"])("refuses broken/%s", (name) => {
    expect(validate(valueOf("broken", name))).toBe(false);
  });
});

test("a playbook may name every strategy that is not only picked, and no other", () => {
  const named = Object.values(strategies).filter((strategy) => strategy.named).map(({ name }) => name);
  expect([...playbookSchema.items.properties.move.properties.strategy.enum].sort()).toEqual(["auto", ...named].sort());
});

test("every key has a description", () => {
  const bare: string[] = [];
  const visit = (schema: unknown, path: string): void => {
    if (!isMap(schema)) return;
    if (path !== "" && typeof schema["description"] !== "string") bare.push(path);
    for (const [key, child] of Object.entries(isMap(schema["properties"]) ? schema["properties"] : {})) {
      if (key !== "vars") visit(child, `${path}/${key}`);
    }
    if (isMap(schema["items"]) && "properties" in schema["items"]) visit(schema["items"], `${path}/-`);
    visit(schema["additionalProperties"], `${path}/*`);
  };
  visit(playbookSchema, "");
  expect(bare).toEqual([]);
});
