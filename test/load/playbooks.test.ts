import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { isSourceText } from "../../src/core/inventory/inventory.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { filesBelow } from "./files.js";

const root = join(import.meta.dirname, "../..");
const files = filesBelow(root);
const inventories = readdirSync(join(root, "inventory")).filter((name) => /\.(yml|ini)$/.test(name));

test.each(inventories)("inventory/%s loads", (name) => {
  const loaded = loadInventory([`inventory/${name}`], files);
  expect(renderDiagnostics(loaded.diagnostics)).toBe("");
  expect(loaded.value?.hosts.size).toBeGreaterThan(0);
});

test.each(readdirSync(join(root, "playbooks")))("playbooks/%s loads with each inventory that has its hosts", (name) => {
  const text = files.read(`playbooks/${name}`);
  if (text === undefined || !isSourceText(text)) throw new Error(`no playbook ${name}`);
  const results = inventories.map((inventory) => {
    const { value } = loadInventory([`inventory/${inventory}`], files);
    if (value === undefined) throw new Error(`${inventory} does not load`);
    return loadPlaybooks([text], value);
  });
  const complaints = results.filter((r) => r.value === undefined).map((r) => renderDiagnostics(r.diagnostics));
  expect(results.some((r) => r.value !== undefined && r.diagnostics.length === 0), complaints.join("\n")).toBe(true);
});
