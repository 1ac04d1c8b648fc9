import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** A function that a file exports has a comment: what goes in, what comes out, and what its name can not say. */

function undocumented(path: string): readonly string[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line, i) => {
    const name = /^export (?:async )?function\*? (\w+)/.exec(line)?.[1];
    return name === undefined || lines[i - 1]?.trimEnd().endsWith("*/") === true ? [] : [`${path}:${i + 1} ${name}`];
  });
}

test.each(["src/core", "src/edge", "scripts"])("public functions below %s have a comment that says what they are for", (folder) => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts") && !name.endsWith(".generated.ts"));
  expect(files.flatMap((name) => undocumented(join(folder, name)))).toEqual([]);
});
