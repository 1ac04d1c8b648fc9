import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diagnosticJson, renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { lintAll, textFiles } from "./project-files.js";

const BROKEN = "test/load/broken";
const corpus = readdirSync(BROKEN).filter((name) => name.endsWith(".yml"));
const texts = corpus.filter((name) => name !== "too-deep.yml").map((name) => readFileSync(join(BROKEN, name), "utf8"));
const HOSTS = "xen: { hosts: { dom0a: , dom0b: }, vars: { group: vg0 } }\n";

/** Lints one text as a playbook, an inventory of both languages, a recording and a config at once. */
function lintEverywhere(text: string): void {
  const files = { "hosts.yml": HOSTS, "web.yml": text, "bad.yml": text, "bad.ini": text, "bad.json": text, "converge.config.yml": text };
  const { findings, mends } = lintAll(textFiles(files), { paths: ["web.yml", "hosts.yml", "bad.yml", "bad.ini", "bad.json"] });
  for (const finding of findings) {
    const { at } = finding;
    if (at !== undefined) {
      expect(at.start).toBeGreaterThanOrEqual(0);
      expect(at.end).toBeGreaterThanOrEqual(at.start);
    }
    diagnosticJson(finding);
  }
  renderDiagnostics(findings);
  for (const { edits } of mends) expect(edits.every(({ start, end }) => start <= end)).toBe(true);
}

const mangled = fc.tuple(fc.constantFrom(...texts), fc.array(fc.tuple(fc.nat(), fc.nat(20), fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom("{{ x }}", "# converge-lint-ignore", "# converge-lint-ignore group-tie: x\n", "\n", "  ", ": ", "- ", "&a ", "*a", "<<: ", "'", "[", "{", "}", "hosts", "\0", "\ufeff"),
)), { maxLength: 5 })).map(([text, edits]) => edits.reduce((before, [at, cut, put]) => {
  const i = at % (before.length + 1);
  return before.slice(0, i) + put + before.slice(i + cut);
}, text));

describe("lint", () => {
  // an empty file is an inventory without hosts as well as a playbook without plays
  test.each(corpus.filter((name) => name !== "empty.yml"))("of %s says what is wrong, and where", (name) => {
    const { findings } = lintAll(textFiles({ "hosts.yml": HOSTS, "web.yml": readFileSync(join(BROKEN, name), "utf8") }), { paths: ["hosts.yml", "web.yml"] });
    const told = findings.filter(({ at }) => at?.source.file === "web.yml");
    expect(told.length).toBeGreaterThan(0);
    expect(findings.filter(({ at }) => at === undefined)).toEqual([]);
  });

  test("of any text does not throw", () => {
    fc.assert(fc.property(mangled, lintEverywhere), { numRuns: 100 });
  });

  test("does not hang, and takes no memory without bound", { tags: "long" }, () => {
    const bomb = `- hosts: xen\n  vars:\n    a: &a [x, x]\n${Array.from({ length: 40 }, (_, i) => `    b${i}: &b${i} [*${i === 0 ? "a" : `b${i - 1}`}, *${i === 0 ? "a" : `b${i - 1}`}]`).join("\n")}\n`;
    const hostile = [
      bomb, "[".repeat(20_000), "{a: ".repeat(20_000), "- ".repeat(5_000), `- hosts: xen\n  vars: {${"a: 1, ".repeat(1_000)}}`,
      `${"# converge-lint-ignore x: y\n".repeat(2_000)}- hosts: xen\n`, `- hosts: "${"{{ a }}".repeat(1_000)}"`, `- ${"a".repeat(200_000)}`,
    ];
    const before = process.memoryUsage().heapUsed;
    const start = process.cpuUsage();
    hostile.forEach(lintEverywhere);
    const { user } = process.cpuUsage(start);
    expect(user / 1e6).toBeLessThan(60);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1024 ** 3);
  });
});
