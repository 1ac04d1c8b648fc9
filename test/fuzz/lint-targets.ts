import { readFileSync, readdirSync } from "node:fs";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { exportYaml } from "../../src/core/inventory/show/export-yaml.js";
import { graphText } from "../../src/core/inventory/show/graph.js";
import { listText } from "../../src/core/inventory/show/list.js";
import { readConfig } from "../../src/core/lint/config.js";
import type { LintReport } from "../../src/core/lint/lint.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { lintReportGithub } from "../../src/core/render/lint-github.js";
import { lintReportJson } from "../../src/core/render/lint-json.js";
import { lintReportJunit } from "../../src/core/render/lint-junit.js";
import { lintReportSarif } from "../../src/core/render/lint-sarif.js";
import { renderLintText } from "../../src/core/render/lint-text.js";
import { plainStyle } from "../../src/core/render/style.js";
import { applyEdits } from "../../src/core/xl/text-edit.js";
import { lintAll, textFiles } from "../lint/project-files.js";
import { filesOf } from "../load/files.js";
import { onText, same, wellFormed } from "./target.js";
import type { Target } from "./target.js";

const CONFIG = "inventory:\n  - hosts.yml\nlint:\n  ignore: [\"vendor/**\"]\n  rules: { rounded-size: error }\n  overrides:\n    - { files: 'old/**', rules: { tight-budget: note } }\n";
const SILENCES = ["# converge-lint-ignore rounded-size: x\n", "# converge-lint-ignore", " unused-variable, group-tie: y", "; converge-lint-ignore group-tie: z\n"];

/** The rules' own bad examples, and what `--fix` is tried on. */
function examples(): readonly string[] {
  const rules = readdirSync("test/lint/rules").flatMap((rule) => readdirSync(`test/lint/rules/${rule}`).filter((one) => one.startsWith("bad")).map((one) => `test/lint/rules/${rule}/${one}`));
  return [...rules, "test/lint/mends"].flatMap((folder) => readdirSync(folder).filter((name) => /\.(yml|ini)$/.test(name)).map((name) => readFileSync(`${folder}/${name}`, "utf8")));
}

/** The text as every kind of file at once, beside an inventory that is in order. */
function linted(text: string): LintReport {
  const files = { "good/hosts.yml": "xen: { hosts: { dom0a: { ansible_host: 192.0.2.1 }, dom0b: }, vars: { pool: vg0 } }\n", "web.yml": text, "bad.yml": text, "bad.ini": text, "converge.config.yml": text };
  return lintAll(textFiles(files), { paths: ["good", "web.yml", "bad.yml", "bad.ini"] });
}

function printed(report: LintReport): void {
  const view = { report, version: "1" };
  renderLintText(view, plainStyle, (diagnostics) => renderDiagnostics(diagnostics).split("\n"));
  for (const form of [lintReportJson, lintReportSarif]) JSON.stringify(form(view));
  for (const form of [lintReportGithub, lintReportJunit]) form(view);
}

export function lintTargets(words: readonly string[]): readonly Target[] {
  return [
    onText("lint-config", () => [CONFIG], [...words, "lint:", "rules:", "overrides:", "files:", "off", "**/*.{a,b}", "!(x)", "[[:alpha:]]", "inventory: [[a, b]]"], (text) => {
      const { diagnostics } = readConfig({ file: "converge.config.yml", text });
      wellFormed(diagnostics);
      // its globs are matched as well
      const files = { "hosts.yml": "xen: { hosts: { dom0a: } }\n", "old/deep/web.yml": "- { hosts: xen, vars: { spare: 1 } }\n", "converge.config.yml": text };
      wellFormed(lintAll(textFiles(files)).findings);
    }),
    onText("lint", examples, [...words, ...SILENCES], (text) => {
      const report = linted(text);
      wellFormed(report.findings);
      printed(report);
      for (const { source, edits } of report.mends) linted(applyEdits(source.text, edits));
    }),
    onText("inventory-shown", () => ["all:\n  hosts:\n    a: { x: 1, \"10\": { \"2\": [1, b] } }\n  children: { b: { hosts: { 'c[1:2]': } } }\n", "{\"a\": {\"hosts\": {\"b\": {\"9\": 1.50, \"1\": \"\\u0010\"}}}}"],
      [...words, "\"7\": ", "!unsafe ", "! ", "yes: ", "1.0: ", "2026-01-02", "\\\n\n", "\"a\\\n\n b\"", "children:", "vars:"], (text) => {
        const { value } = loadInventory(["x.yml"], filesOf({ "x.yml": text, "group_vars/b": text, "host_vars/a.json": text }), { numbers: "exact" });
        const all = value?.groups.get("all");
        if (value === undefined || all === undefined) return;
        const view = { inventory: value, extraVars: new Map(), playbookNamed: false };
        const list = listText(view);
        graphText(view, all, true);
        const text2 = exportYaml(view);
        if (typeof text2 !== "string") return;
        const again = loadInventory(["x.yml"], filesOf({ "x.yml": text2 }), { numbers: "exact" }).value;
        same(again === undefined ? "refused" : listText({ ...view, inventory: again }), list, "what was exported and read back");
      }),
  ];
}
