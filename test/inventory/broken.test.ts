import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { filesOf } from "../load/files.js";

/** Broken inventories: each with what must be said about it. */

const folder = join(import.meta.dirname, "broken");

describe("broken inventories: each says what is wrong, where, and what would be right", () => {
  test.each(readdirSync(folder).filter((name) => !name.endsWith(".expected.txt")))("%s", async (name) => {
    const { value, diagnostics } = loadInventory([name], filesOf({ [name]: readFileSync(join(folder, name), "utf8") }));
    expect(value === undefined).toBe(hasErrors(diagnostics));
    expect(diagnostics.length).toBeGreaterThan(0);
    for (const diagnostic of diagnostics) expect(diagnostic.at, diagnostic.summary).toBeDefined();
    const rendered = renderDiagnostics(diagnostics);
    for (const line of rendered.split("\n")) expect(Array.from(line).length).toBeLessThanOrEqual(80);
    await expect(rendered).toMatchFileSnapshot(join(folder, `${name}.expected.txt`));
  });
});
