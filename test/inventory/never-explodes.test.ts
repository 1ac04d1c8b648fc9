import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Inventory } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { exportYaml } from "../../src/core/inventory/show/export-yaml.js";
import { graphText } from "../../src/core/inventory/show/graph.js";
import { listText } from "../../src/core/inventory/show/list.js";
import type { InventoryView } from "../../src/core/inventory/show/view.js";
import { readAnsibleYaml } from "../../src/core/load/ansible-yaml.js";
import type { Path } from "../../src/core/load/document.js";
import { FastPlaces, fastYaml } from "../../src/core/load/fast-yaml.js";
import { readYaml } from "../../src/core/load/yaml.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { filesOf } from "../load/files.js";
import type { InventoryCase } from "./ansible/case.js";
import { processorMs } from "../support/processor.js";

/** No inventory makes it throw, hang, or use memory without bound. */

const view = (inventory: Inventory): InventoryView => ({ inventory, extraVars: new Map(), playbookNamed: false });

function showAll(inventory: Inventory): void {
  listText(view(inventory));
  exportYaml(view(inventory));
  const all = inventory.groups.get("all");
  if (all !== undefined) graphText(view(inventory), all, true);
}

function lookAt(texts: Readonly<Record<string, string>>, name: string): void {
  const { value, diagnostics } = loadInventory([name], filesOf(texts), { numbers: "exact" });
  expect(value === undefined).toBe(hasErrors(diagnostics));
  renderDiagnostics(diagnostics);
  if (value !== undefined) showAll(value);
}

const folder = join(import.meta.dirname, "ansible", "cases");
const corpus = readdirSync(folder).flatMap((file) => Object.values((parse(readFileSync(join(folder, file), "utf8")) as InventoryCase).files));

const pieces = fc.oneof(
  fc.string({ unit: "binary", maxLength: 3 }),
  fc.constantFrom(
    "\n", "\t", "  ", ": ", "- ", "&a ", "*a", "<<: ", "<<: *a", "!vault ", "!unsafe ", "'", '"', "[", "]", "{", "}", "[1:3]", "[a:", ":22",
    "[g:children]\n", "[g:vars]\n", "all", "children:", "hosts:", "vars:", "plugin: x", "__proto__: ", "constructor", "1e999", "0x", ".inf",
    "ansible_group_priority: ", "$ANSIBLE_VAULT;1.1;AES256\n", "#!", "\r", "\u2028", "\ufeff", "\0", "12345678901234567890", "=", "_meta",
  ),
);

/** A text of the corpus with pieces cut out, doubled and put in. */
const mangled = fc.tuple(fc.constantFrom(...corpus), fc.array(fc.tuple(fc.nat(), fc.nat(12), pieces), { maxLength: 6 })).map(([text, edits]) => {
  return edits.reduce((t, [at, cut, put]) => {
    const i = at % (t.length + 1);
    return t.slice(0, i) + put + t.slice(i + cut);
  }, text);
});

describe("any text", () => {
  test("is read and shown, or refused", () => {
    fc.assert(fc.property(mangled, fc.constantFrom("x.yml", "x.ini", "x", "x.json"), (text, name) => {
      lookAt({ [name]: text, "group_vars/all": text, "host_vars/h1.yml": text }, name);
    }), { numRuns: 150 });
  });

  test("the fast reader of YAML and the slow one agree", () => {
    fc.assert(fc.property(mangled, (text) => {
      const source = { file: "x.yml", text };
      const quick = readAnsibleYaml(source).value;
      const slow = readYaml(source, { duplicateKeys: "warning", ansible: true }).value;
      // what YAML 1.1 takes for the end of a line, and 1.2 for text, the two parsers read differently
      if (/\r(?!\n)|[\u0085\u2028\u2029\ufeff\0]/.test(text)) return;
      // JSON is YAML too, with numbers of its own; what one of them refuses is no matter of values
      if (quick !== undefined && slow !== undefined && !/^\s*[[{]/.test(text)) expect(quick.value).toEqual(slow.value);
    }), { numRuns: 150 });
  });
});

/** The paths of everything in a value. */
function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsIn(item, [...path, Array.isArray(value) ? Number(key) : key]))];
}

describe("places", () => {
  test("that are found fast are where the slow reader finds them", () => {
    let compared = 0;
    const compare = (text: string): void => {
      const slow = readYaml({ file: "x.yml", text }, { duplicateKeys: "warning", ansible: true, numbers: "exact" }).value;
      const quick = fastYaml(text, { numbers: "exact", maxDepth: 60, maxValuesByAlias: 1000 });
      if (slow === undefined || quick === undefined) return;
      const places = new FastPlaces(text, 60);
      for (const path of pathsIn(quick.value)) {
        for (const part of ["key", "value"] as const) {
          const place = places.find(path, part);
          if (place === undefined) continue;
          const { start, end } = slow.locate(path, part);
          expect([path, part, place]).toEqual([path, part, { start, end }]);
          compared += 1;
        }
      }
    };
    for (const text of corpus) compare(text);
    fc.assert(fc.property(mangled, (text) => {
      if (!/\r(?!\n)|[\u0085\u2028\u2029\ufeff\0]/.test(text)) compare(text);
    }), { numRuns: 150 });
    expect(compared).toBeGreaterThan(300);
  });
});

describe("what stands for far more than it is", () => {
  const chain = (length: number): string => Array.from({ length }, (_, i) => `[g${i}:children]\ng${i + 1}\n`).join("") + `[g${length}]\nh[1:1000]\n`;
  const ladder = (levels: number): string => {
    const lines = Array.from({ length: levels }, (_, i) => `[a${i}:children]\na${i + 1}\nb${i + 1}\n[b${i}:children]\na${i + 1}\nb${i + 1}\n`);
    return `${lines.join("")}[a${levels}]\nh1\n[b${levels}]\nh2\n`;
  };
  const HUGE: readonly (readonly [string, string, string])[] = [
    ["a chain of groups", "x", chain(5_000)],
    ["a chain that is long and still taken", "x", chain(400)],
    ["groups with many ways to them", "x", ladder(60)],
    ["ranges upon ranges", "x", "h[1:99][1:99][1:99]\n".repeat(50)],
    ["a huge range", "x", "h[1:999999999]\nh[0:99999999999999999999]\n"],
    ["many ranges", "x", Array.from({ length: 8 }, (_, i) => `h${i}-[1:60000]\n`).join("")],
    ["many groups", "x", Array.from({ length: 5_000 }, (_, i) => `[g${i}]\nh\n`).join("")],
    ["many hosts of many variables", "x", `h[1:20000]\n[all:vars]\n${Array.from({ length: 500 }, (_, i) => `v${i}=${"x".repeat(50)}\n`).join("")}`],
    ["a literal of brackets", "x", `[g:vars]\na = ${"[".repeat(100_000)}\nb = ${"(".repeat(50_000)}${")".repeat(50_000)}\nc = ${"-".repeat(100_000)}1\n`],
    ["a deep map of JSON", "x.json", `${"{\"a\":".repeat(100_000)}1${"}".repeat(100_000)}`],
    ["a line without end", "x", `h ${"a=1 ".repeat(50_000)}\n`],
    ["colons", "x", `${":".repeat(50_000)}\n${"a:".repeat(20_000)}1\n${"[a".repeat(20_000)}\n${"a-".repeat(30_000)}:1\n`],
    ["merge keys", "x.yml", `a: &a { ${Array.from({ length: 500 }, (_, i) => `k${i}: 1`).join(", ")} }\nall: { vars: { ${Array.from({ length: 500 }, (_, i) => `m${i}: { <<: *a }`).join(", ")} } }\n`],
  ];
  // those that are taken take their time
  const TAKEN = ["groups with many ways to them", "a chain that is long and still taken", "many hosts of many variables", "many ranges", "merge keys"];
  for (const [what, name, text] of HUGE) test(what, { tags: TAKEN.includes(what) ? ["long"] : [] }, () => {
    const [start, heap] = [processorMs(), process.memoryUsage().rss];
    lookAt({ [name]: text }, name);
    // bounds that a busy machine keeps too, and that anything without bound breaks
    expect(processorMs() - start).toBeLessThan(100_000);
    expect((process.memoryUsage().rss - heap) / 1024 / 1024).toBeLessThan(3_000);
  });
});
