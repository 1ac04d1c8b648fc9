import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadInventory } from "../../../src/core/inventory/load-inventory.js";
import { matchHosts, matchLimit } from "../../../src/core/inventory/pattern.js";
import { filesOf } from "../../load/files.js";
import { processorMs } from "../../support/processor.js";

/** Which hosts patterns mean, beside what the real ansible said (record-patterns.py). */

const here = import.meta.dirname;
const { files: texts } = parse(readFileSync(join(here, "patterns.yml"), "utf8")) as { readonly files: Readonly<Record<string, string>> };
const recorded = JSON.parse(readFileSync(join(here, "recorded-patterns.json"), "utf8")) as Readonly<Record<string, readonly string[] | null>>;
const files = filesOf(texts);
const inventory = loadInventory(["hosts"], files).value;
if (inventory === undefined) throw new Error("the test's own inventory does not load");

describe("patterns mean the same hosts as for ansible", () => {
  test.each(Object.entries(recorded))("%s", (pattern, expected) => {
    const limit = pattern.startsWith("-l ");
    const { value, diagnostics } = limit ? matchLimit([pattern.slice(3)], inventory, files) : matchHosts(pattern, inventory);
    if (expected === null) {
      expect(diagnostics.map((d) => d.severity)).toContain("error");
      return;
    }
    // a name that nothing has is an error here, and passed over with a warning there
    if (value === undefined) {
      expect(new Set(diagnostics.map((d) => d.code))).toEqual(new Set(["host-pattern"]));
      expect(diagnostics.map((d) => d.summary).join()).toContain("no host and no group is called");
    } else if (limit) expect(new Set(value)).toEqual(new Set(expected)); // a limit is a set: the play's hosts keep their order
    else expect(value).toEqual(expected);
  });
});

describe("expressions and globs that could take for ever", () => {
  const name = "a".repeat(5_000);
  const one = loadInventory(["x"], filesOf({ x: `${name}\n` })).value;
  if (one === undefined) throw new Error("the test's own inventory does not load");

  test.each(["~(a+)+$b", "~(a|aa)*c", "~(.*)*(.*)*x", "~a*a*a*a*a*a*a*a*b", `*${"a*".repeat(40)}b`, `${"?".repeat(200)}*${"[ab]*".repeat(30)}c`, `~(a{1,100}){1,10}b`])(
    "%s", (pattern) => {
      const before = processorMs();
      const { value } = matchHosts(pattern, one);
      expect(value ?? []).toEqual([]);
      expect(processorMs() - before).toBeLessThan(20_000);
    });

  test.each(["~(?!db).*", "~(?<=d)b", "~(d)\\1"])("%s looks around or back, and is refused", (pattern) => {
    expect(matchHosts(pattern, one).diagnostics[0]?.summary).toContain("looks around or back");
  });

  test("a file of -l that is not there", () => {
    expect(matchLimit(["@none"], one, filesOf({})).diagnostics[0]?.code).toBe("file-missing");
  });
});
