import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RUNTIME_GOALS, RUNTIME_VERBS, RUNTIME_WATCHES } from "../../src/core/program/runtime.generated.js";

/** The page about what a program calls has a row for everything that can be called, and for nothing else. */

const PAGE = "src/core/program/CONVENTIONS.md";

/** What the rows of a section are about: `name ARGUMENT…` in their first cells, of which one may hold several. */
function rowsOf(heading: string): readonly string[] {
  const [, section = ""] = readFileSync(PAGE, "utf8").split(`\n## ${heading}`);
  const cells = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split(" | ")[0] ?? "");
  return [...new Set(cells.flatMap((cell) => [...cell.matchAll(/`((?:watch )?[a-z_]+)/g)].map(([, name = ""]) => name)))].sort();
}

describe(PAGE, () => {
  test("has a row for each goal", () => {
    expect(rowsOf("Goals")).toEqual([...RUNTIME_GOALS].sort());
  });

  test("has a row for each verb, and for each watch", () => {
    expect(rowsOf("Verbs")).toEqual([...RUNTIME_VERBS, ...[...RUNTIME_WATCHES].map((name) => `watch ${name}`)].sort());
  });
});
