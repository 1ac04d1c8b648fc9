import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { plainJson } from "./plain-json.js";
import { filesOf } from "./files.js";

const here = import.meta.dirname;
const files = filesOf({
  "lab.yml": [
    "xen:",
    "  hosts:",
    "    dom0a: { rack: 1, shared: data }",
    "    dom0b: { rack: 2, shared: data }",
    "  vars: { group: vg0, sizes: { root: 2GiB, swap: 512MiB } }",
    "prod: { hosts: { dom0a: } }",
  ].join("\n"),
});
const loaded = loadInventory(["lab.yml"], files);
const inventory = loaded.value ?? loadInventory([], NO_FILES).value;
if (inventory === undefined) throw new Error("the test's own inventory does not load");

function playbooks(folder: string): string[] {
  return readdirSync(join(here, folder)).filter((name) => name.endsWith(".yml"));
}

describe("broken playbooks: each says what is wrong, where, and what would be right", () => {
  test.each(playbooks("broken"))("%s", async (name) => {
    const text = readFileSync(join(here, "broken", name), "utf8");
    const result = loadPlaybooks([{ file: name, text }], inventory);
    expect(result.value === undefined).toBe(hasErrors(result.diagnostics));
    expect(result.diagnostics.length).toBeGreaterThan(0);
    const rendered = renderDiagnostics(result.diagnostics);
    for (const line of rendered.split("\n")) expect(Array.from(line).length).toBeLessThanOrEqual(80);
    await expect(rendered).toMatchFileSnapshot(join(here, "broken", name.replace(/\.yml$/, ".expected.txt")));
  });
});

describe("good playbooks: what each asks for", () => {
  test.each(playbooks("good"))("%s", async (name) => {
    const text = readFileSync(join(here, "good", name), "utf8");
    const result = loadPlaybooks([{ file: name, text }], inventory);
    expect(renderDiagnostics(result.diagnostics)).toBe("");
    await expect(plainJson(result.value?.plays)).toMatchFileSnapshot(join(here, "good", name.replace(/\.yml$/, ".expected.json")));
  });
});
