import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { differences } from "./compare.js";
import type { Answer, Question } from "./oracle.js";

/** Inventories by chance, beside what the real ansible-inventory said of them (main.ts, `record`). */

const lines = readFileSync(join(import.meta.dirname, "recorded.jsonl"), "utf8").trim().split("\n");

describe("inventories by chance are read as ansible-inventory read them", () => {
  test.each(lines.map((line, number) => [number + 1, line] as const))("line %i", (_number, line) => {
    const { question, answer } = JSON.parse(line) as { readonly question: Question; readonly answer: Answer };
    expect(differences(question, answer).filter(({ kind }) => kind === "silent")).toEqual([]);
  });
});
