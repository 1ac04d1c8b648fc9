import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyEdits } from "../../src/core/xl/text-edit.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import type { LintReport } from "../../src/core/lint/lint.js";
import { lintAll, textFiles } from "./project-files.js";

/** Files with what can be mended without judgement, beside what is left after that and what is said then. */

const here = join(import.meta.dirname, "mends");
const names = readdirSync(here).filter((name) => /^[a-z-]+\.yml$/.test(name));
const HOSTS = "xen: { hosts: { dom0a: } }\n";

function lintText(text: string): LintReport {
  return lintAll(textFiles({ "hosts.yml": HOSTS, "web.yml": text }));
}

/** Lints and mends until nothing is left to be mended. */
function mended(text: string): string {
  for (let round = 0; round < 5; round += 1) {
    const [mend] = lintText(text).mends;
    if (mend === undefined) return text;
    text = applyEdits(text, mend.edits);
  }
  throw new Error("it does not come to an end");
}

describe("--fix", () => {
  test.each(names)("%s", async (name) => {
    const text = readFileSync(join(here, name), "utf8");
    const after = mended(text);
    expect(after).not.toBe(text);
    await expect(after).toMatchFileSnapshot(join(here, name.replace(".yml", ".mended.txt")));
    await expect(renderDiagnostics(lintText(after).findings)).toMatchFileSnapshot(join(here, name.replace(".yml", ".left.txt")));
  });

  test("leaves every comment, and what stands before a line's first word", () => {
    for (const name of names.filter((one) => one !== "silences.yml" && one !== "twice.yml")) {
      const text = readFileSync(join(here, name), "utf8");
      const after = mended(text);
      const shape = (of: string): unknown[] => of.split("\n").map((line) => [/^\s*/.exec(line)?.[0], /\s+#.*$/.exec(line)?.[0]]);
      expect(shape(after)).toEqual(shape(text));
    }
  });

  test("of any mixture of lines comes to an end, and makes no new complaint", () => {
    const lines = names.flatMap((name) => readFileSync(join(here, name), "utf8").split("\n")).filter((line) => line !== "");
    const text = fc.array(fc.constantFrom(...lines), { maxLength: 12 }).map((all) => `- hosts: xen\n${all.join("\n")}\n`);
    fc.assert(fc.property(text, (before) => {
      const count = (of: string): number => lintText(of).findings.filter(({ edits }) => edits !== undefined).length;
      expect(count(mended(before))).toBe(0);
    }), { numRuns: 200 });
  });
});
