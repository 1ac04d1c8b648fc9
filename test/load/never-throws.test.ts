import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { readExtraVars } from "../../src/core/inventory/extra-vars.js";
import { matchHosts } from "../../src/core/inventory/pattern.js";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { parseDuration } from "../../src/core/load/duration.js";
import { evaluate, parseTemplate } from "../../src/core/load/template.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { shellWords } from "../../src/core/load/shell-words.js";
import type { Diagnostic } from "../../src/core/model/diagnostic.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { diagnosticJson, renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { filesOf } from "./files.js";
import { processorMs } from "../support/processor.js";

const inventory = loadInventory(["dom0a,dom0b"], NO_FILES).value;
if (inventory === undefined) throw new Error("no inventory");

const corpus = ["broken", "good"].flatMap((folder) => {
  const path = join(import.meta.dirname, folder);
  return readdirSync(path).filter((name) => name.endsWith(".yml") && name !== "too-deep.yml")
    .map((name) => readFileSync(join(path, name), "utf8"));
});

/** A text of the corpus with pieces cut out, doubled and put in: near enough to a playbook to reach every room. */
const mangled = fc
  .tuple(fc.constantFrom(...corpus), fc.array(fc.tuple(fc.nat(), fc.nat(20), pieces()), { maxLength: 6 }))
  .map(([text, edits]) => {
    return edits.reduce((t, [at, cut, put]) => {
      const i = at % (t.length + 1);
      return t.slice(0, i) + put + t.slice(i + cut);
    }, text);
  });

function pieces(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: "binary", maxLength: 4 }),
    fc.constantFrom(
      "{{", "}}", "{{ domain }}", "{%", "\n", "\t", "  ", ": ", "- ", "&a ", "*a", "<<: ", "!x ", "'", '"', "[", "]",
      "{", "}", "|", ">", "#", "\0", "\u001b[2J", "\ufeff", "__proto__: ", "constructor", "1e999", "%", "? ", "---\n",
    ),
  );
}

function wellFormed(diagnostics: readonly Diagnostic[]): void {
  for (const diagnostic of diagnostics) {
    expect(diagnostic.code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(diagnostic.summary).not.toBe("");
    if (diagnostic.at === undefined) continue;
    const { source, start, end } = diagnostic.at;
    expect(start).toBeGreaterThanOrEqual(0);
    expect(end).toBeGreaterThanOrEqual(start);
    expect(end).toBeLessThanOrEqual(source.text.length);
    diagnosticJson(diagnostic);
  }
  // no control character of the file reaches the terminal
  // eslint-disable-next-line no-control-regex
  expect(renderDiagnostics(diagnostics)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
}

describe("no input makes it throw", () => {
  test("playbooks", () => {
    fc.assert(fc.property(mangled, (text) => {
      const result = loadPlaybooks([{ file: "x.yml", text }], inventory);
      expect(result.value === undefined).toBe(hasErrors(result.diagnostics));
      wellFormed(result.diagnostics);
    }), { numRuns: 400 });
  });

  test("inventories of both languages", () => {
    fc.assert(fc.property(mangled, fc.constantFrom("x.yml", "x.ini", "x"), (text, name) => {
      const seed = "[xen:children]\nprod\n[prod]\ndom0[01:03] a=1 b='x y'\n[xen:vars]\nk = [1, {'a': True}]\n";
      for (const content of [text, seed + text]) {
        const result = loadInventory([name], filesOf({ [name]: content }));
        wellFormed(result.diagnostics);
      }
    }), { numRuns: 150 });
  });

  test("patterns, extra variables, templates, words, durations", () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), mangled), (text) => {
      wellFormed(matchHosts(text, inventory).diagnostics);
      wellFormed(readExtraVars([text], NO_FILES).diagnostics);
      shellWords(text, { comments: true });
      parseDuration(text);
      for (const part of parseTemplate(text).template?.parts ?? []) if (typeof part !== "string") evaluate(part, { a: 1 });
    }), { numRuns: 300 });
  });

  test("nothing hangs: deep, wide and repeated input", { tags: "long" }, () => {
    const texts = [
      "[".repeat(50_000), "{a: ".repeat(50_000), "- ".repeat(10_000), "? ".repeat(10_000), "!!a ".repeat(5_000),
      `- hosts: ${"a:".repeat(5_000)}`, `- hosts: "${"*".repeat(5_000)}b"`, `- hosts: "${"{{ a }}".repeat(2_000)}"`,
      `- hosts: "${"{{ ".repeat(5_000)}"`, `- hosts: x\n  vars: {${"a: 1, ".repeat(3_000)}}`, "&a ".repeat(3_000),
      `- hosts: "${"[1:9]".repeat(40)}"`, `"${"\\x1b".repeat(5_000)}`, `- ${"a".repeat(500_000)}`,
    ];
    for (const text of texts) {
      const before = processorMs();
      wellFormed(loadPlaybooks([{ file: "x.yml", text }], inventory).diagnostics);
      wellFormed(loadInventory(["x"], filesOf({ x: text })).diagnostics);
      wellFormed(loadInventory(["x.yml"], filesOf({ "x.yml": text })).diagnostics);
      expect(processorMs() - before, text.slice(0, 30)).toBeLessThan(10_000);
    }
  });
});
