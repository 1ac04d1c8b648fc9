import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fact } from "../../src/core/facts/fact.js";
import type { FactValues } from "../../src/core/facts/readings.js";
import { facts } from "../../src/core/facts/registry.js";
import type { CommandResult } from "../../src/core/model/command.js";

// A case is what a tool printed and the value that is to come of it. To take a new recording in, leave `value` and
// `codes` out, run with UPDATE_GOLDEN=1 and read the diff.
interface Case {
  readonly from: string;
  readonly cmd: string;
  readonly exitCode: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly value?: unknown;
  readonly codes?: readonly string[];
}

const all: readonly (readonly [string, Fact<unknown, FactValues>])[] = Object.entries(facts);
const folder = new URL("./cases/", import.meta.url);
const source = new URL("../../src/core/facts/", import.meta.url);

describe.each(all)("%s", (key, fact) => {
  test("is registered under its file's name", () => {
    expect(fact.name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())).toBe(key);
    expect(existsSync(new URL(`${fact.name}.ts`, source))).toBe(true);
  });

  const cases = new URL(`${fact.name}/`, folder);
  const names = existsSync(cases) ? readdirSync(cases).filter((name) => name.endsWith(".json")) : [];
  test.runIf(names.length > 0).each(names)("%s", (name) => {
    const file = new URL(name, cases);
    const one = JSON.parse(readFileSync(file, "utf8")) as Case;
    const result = { exitCode: one.exitCode, stdout: one.stdout.join("\n"), stderr: one.stderr.join("\n") };
    const { value, diagnostics } = fact.parse(result);
    const codes = diagnostics.map(({ code }) => code);
    if (process.env["UPDATE_GOLDEN"] === "1") {
      writeFileSync(fileURLToPath(file), `${JSON.stringify({ ...one, value, codes }, null, 1)}\n`);
    }
    const told = JSON.parse(readFileSync(file, "utf8")) as Case;
    expect({ value, codes }, "UPDATE_GOLDEN=1 writes it anew: read the diff").toEqual({ value: told.value, codes: told.codes });
  });

  test("a tool that is not there is no error", () => {
    const { diagnostics } = fact.parse({ exitCode: 127, stdout: "", stderr: "sh: 1: not found" });
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  test("nothing that is printed makes it throw", () => {
    const recorded = recordedOutput(fact.name);
    const piece = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...recorded, "{", "}", "[", " ", "\n", "null"));
    fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(255), (pieces, exitCode) => {
      const result: CommandResult = { exitCode, stdout: pieces.join("\n"), stderr: pieces.join(" ") };
      fact.parse(result);
      fact.parse({ ...result, exitCode: 0 });
      fact.redact?.({ ...result, exitCode: 0 });
    }), { numRuns: 100 });
  });
});

/** Real output and pieces of it, for the fuzzer to put together wrongly. */
function recordedOutput(name: string): readonly string[] {
  const lab = new URL("../observe/recorded/lab-web1-running.json", import.meta.url);
  const { results } = JSON.parse(readFileSync(lab, "utf8")) as { results: Partial<Record<string, { stdout: string[] }>> };
  const lines = results[name]?.stdout ?? [""];
  return [lines.join("\n"), lines.slice(0, lines.length / 2).join("\n"), ...lines.slice(0, 40)];
}

test("the registry holds every fact of the folder", () => {
  const files = readdirSync(source).filter((name) => /^export const fact\b/m.test(readFileSync(new URL(name, source), "utf8")));
  expect(files.sort()).toEqual(all.map(([, fact]) => `${fact.name}.ts`).sort());
});
