import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { readConfig } from "../../src/core/lint/config.js";
import { rules } from "../../src/core/lint/rules/registry.js";
import { ADJUSTABLE } from "../../src/core/lint/adjustable.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { diagnosticCodes } from "../docs/codes.js";
import { filesOf } from "../load/files.js";
import { lintAll, textFiles } from "./project-files.js";

const PLAYBOOK = "- hosts: xen\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1, size: 5MiB } } } }\n";
const FILES = { "hosts.yml": "xen: { hosts: { dom0a: } }\n", "new/web.yml": PLAYBOOK, "old/web.yml": PLAYBOOK, "old/deep/web.yml": PLAYBOOK };

/** Severities of `rounded-size`, by file. */
function levels(configs: Readonly<Record<string, string>>): Record<string, string> {
  const { findings } = lintAll(textFiles({ ...FILES, ...configs }));
  return Object.fromEntries(findings.map(({ at, code, severity }) => [at?.source.file ?? "", code === "rounded-size" ? severity : code]));
}

describe("a config weighs rules", () => {
  test("for every file below it", () => {
    expect(levels({})).toEqual({ "new/web.yml": "warning", "old/web.yml": "warning", "old/deep/web.yml": "warning" });
    expect(levels({ "converge.config.yml": "lint: { rules: { rounded-size: error } }\n" }))
      .toEqual({ "new/web.yml": "error", "old/web.yml": "error", "old/deep/web.yml": "error" });
    expect(levels({ "converge.config.yml": "lint: { rules: { rounded-size: off } }\n" })).toEqual({});
  });

  test("by globs; the last that means a file wins", () => {
    const config = [
      "lint:", "  rules: { rounded-size: error }", "  overrides:", "    - { files: old/**, rules: { rounded-size: note } }",
      "    - { files: ['*/deep/*.yml', none], rules: { rounded-size: off } }", "    - { files: '**', rules: { group-tie: off } }",
    ].join("\n");
    expect(levels({ "converge.config.yml": config })).toEqual({ "new/web.yml": "error", "old/web.yml": "note" });
  });

  test("where it is the nearest one above the file", () => {
    const configs = { "converge.config.yml": "lint: { rules: { rounded-size: error } }\n", "old/converge.config.yml": "lint: { rules: {} }\n" };
    expect(levels(configs)).toEqual({ "new/web.yml": "error", "old/web.yml": "warning", "old/deep/web.yml": "warning" });
  });

  test("and ignores files", () => {
    expect(levels({ "converge.config.yml": "lint: { ignore: [old] }\n" })).toEqual({ "new/web.yml": "warning" });
    expect(levels({ "converge.config.yml": "lint: { ignore: ['old/*/**'] }\n" })).toEqual({ "new/web.yml": "warning", "old/web.yml": "warning" });
  });

  test("and names inventories, those of one entry read together", () => {
    const { findings } = lintAll(textFiles({
      "a.yml": "xen: { hosts: { dom0a: { pool: vg0 } } }\n", "b.yml": "xen: { hosts: { dom0a: } }\n",
      "conf/hosts.yml": "xen: { hosts: { dom0a: } }\n",
      "web.yml": "- { hosts: xen, domains: { web1: { disks: { xvda1: { volume: '{{ pool }}/web1' } } } } }\n",
      "converge.config.yml": "inventory: [[a.yml, b.yml]]\n",
    }));
    expect(renderDiagnostics(findings)).toBe("");
  });

  test("but nothing that converge itself refuses", () => {
    const { findings } = lintAll(textFiles({ "web.yml": "- hosts: xen\n  nosuch: 1\n", "converge.config.yml": "lint: { rules: { unknown-key: off } }\n" }));
    expect(findings.map(({ code, severity }) => `${severity} ${code}`)).toEqual(["error unknown-key"]);
  });
});

describe("a config is checked", () => {
  test.each([
    ["lint: { rules: { round-size: off } }", "unknown-rule", "did you mean 'rounded-size'?"],
    ["lint: { overrides: [{ files: x, rules: { yaml-syntax: off } }] }", "unknown-rule", "what makes converge itself refuse a file is an error always"],
    ["lint: { rules: { rounded-size: eror } }", "not-permitted", "did you mean 'error'?"],
    ["lint: { overides: [] }", "unknown-key", "did you mean 'overrides'?"],
    ["lint: { overrides: [{ rules: {} }] }", "missing-key", "an override needs 'files'"],
    ["lint: { rules: { rounded-size: fatal } }", "not-permitted", "Permitted: error, warning, note or off"],
    ["inventory: hosts.yml", "wrong-type", "a list"],
    ["- lint", "wrong-type", "the config"],
    ["lint: {", "yaml-syntax", "not closed"],
  ])("%s", (text, code, words) => {
    const { diagnostics } = readConfig({ file: "converge.config.yml", text });
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toEqual([code]);
    expect(renderDiagnostics(diagnostics).replace(/\n[ =]*/g, " ")).toContain(words);
    expect(diagnostics[0]?.at).toBeDefined();
  });

  test("and an empty one is fine", () => {
    expect(readConfig({ file: "converge.config.yml", text: "# nothing yet\n" }).diagnostics).toEqual([]);
  });

  test("an inventory that it names and that is missing is told at its place", () => {
    const config = "inventory:\n  - hosts.yml\n  - [hosts.yml, nosuch.yml]\n";
    const { findings } = lintAll(textFiles({ ...FILES, "converge.config.yml": config }));
    expect(findings.filter(({ code }) => code === "inventory-missing").map(({ at }) => at?.source.text.slice(at.start, at.end))).toEqual(["nosuch.yml"]);
  });

  test("a complaint about it is among the findings", () => {
    const { findings } = lintAll(textFiles({ ...FILES, "converge.config.yml": "lint: { rules: { x: off } }\n" }));
    expect(findings[0]).toMatchObject({ code: "unknown-rule", at: { source: { file: "converge.config.yml" } } });
  });
});

test("what can be weighed are rules and complaints that there are", () => {
  const codes = new Set(diagnosticCodes("src").map(({ code }) => code));
  for (const name of ADJUSTABLE.keys()) {
    expect(codes, name).toContain(name);
    expect(Object.keys(rules)).not.toContain(name);
  }
});

test("whatever reading an inventory only warns of can be weighed", () => {
  const folder = "test/inventory/broken";
  const warned = readdirSync(folder).filter((name) => !name.endsWith(".txt")).flatMap((name) => {
    const { diagnostics } = loadInventory([name], filesOf({ [name]: readFileSync(`${folder}/${name}`, "utf8") }));
    return diagnostics.filter(({ severity }) => severity === "warning").map(({ code }) => code);
  });
  expect(new Set(warned).size).toBeGreaterThan(3);
  for (const code of warned) expect([...ADJUSTABLE.keys()]).toContain(code);
});
