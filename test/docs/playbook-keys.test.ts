import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { playbookSchema } from "../../src/core/load/schema/playbook.js";

/** The guide to playbooks names every key of the schema, with every word that the key takes. */

const guide = readFileSync("docs/guide/playbooks.md", "utf8");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly enum?: readonly string[];
}

/** Keys by dotted path as the guide heads their rows: `move.throttle.nice`. Names of guests and disks are left out. */
function keysOf(schema: Schema, path: readonly string[] = []): { readonly key: string; readonly words: readonly string[] }[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => [
    { key: [...path, name].join("."), words: child.enum ?? [] },
    ...keysOf(child, [...path, name]),
  ]);
  const rest = [schema.items, schema.additionalProperties].flatMap((child) => typeof child === "object" ? keysOf(child, path) : []);
  return [...below, ...rest];
}

/** Under which heading the guide has a key: `domains.disks.move.source` is a `move` key like any other. */
function rowOf(key: string): string {
  return key.replace(/^.*\bmove\./, "move.").replace(/^.*\bready\./, "ready.").replace(/^domains\.disks\./, "disk.")
    .replace(/^domains\./, "domain.");
}

const keys = keysOf(playbookSchema as Schema);

describe("the guide to playbooks", () => {
  test("finds the schema's keys", () => {
    expect(keys.map(({ key }) => rowOf(key))).toEqual(expect.arrayContaining([
      "hosts", "domain.disks", "disk.volume", "ready.tcp", "move.throttle.bandwidth", "move.shutdown.destroy",
    ]));
  });

  test.each([...new Set(keys.map(({ key }) => rowOf(key)))])("has a row for %s", (row) => {
    expect(guide).toContain(`| \`${row}\` |`);
  });

  test.each(keys.filter(({ words }) => words.length > 0).map(({ key, words }) => ({ row: rowOf(key), words })))(
    "names every word that $row takes", ({ row, words }) => {
      const line = guide.split("\n").find((candidate) => candidate.startsWith(`| \`${row}\` |`)) ?? "";
      for (const word of words) expect(line, word).toContain(`\`${word}\``);
    },
  );

  test("has no row for a key that the schema lacks", () => {
    const known = new Set(keys.map(({ key }) => rowOf(key)));
    const rows = [...guide.matchAll(/^\| `([a-z_.]+)` \|/gm)].map((match) => match[1] ?? "");
    expect(rows.filter((row) => !known.has(row))).toEqual([]);
  });
});
