import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fact } from "../../src/core/facts/xl-configs.js";
import type { CommandResult } from "../../src/core/model/command.js";
import { lexXl } from "../../src/core/xl/lex.js";
import { parseXlConfig } from "../../src/core/xl/parse.js";
import { runProcess } from "../../src/edge/hosts/process.js";
import { tempFolder } from "../support/temp-folder.js";

/** Configs that are far longer than any guest's: told, in little time and memory, and no guess at the rest. */

const MIB = 1024 ** 2;
const HUGE = 32 * MIB;
const CONFIG = "name = \"web1\"\ndisk = [ 'phy:/dev/vg0/web1-root,xvda1,w' ]\n";

/** Texts of a length whose tokens are as long, as many or as strange as they can be. */
const SHAPES: readonly (readonly [string, (length: number) => string])[] = [
  ["a string", (length) => `${CONFIG}a = '${"x".repeat(length)}'\n`],
  ["a string of escapes", (length) => `${CONFIG}a = "${"\\n".repeat(length / 2)}"\n`],
  ["a string that has no end", (length) => `${CONFIG}a = "${"x".repeat(length)}`],
  ["a comment", (length) => `${CONFIG}#${"x".repeat(length)}\n`],
  ["a name", (length) => `${CONFIG}${"x".repeat(length)} = 1\n`],
  ["a list", (length) => `${CONFIG}a = [ ${"'x',".repeat(length / 4)} ]\n`],
  ["brackets", (length) => `${CONFIG}a = ${"[".repeat(length)}\n`],
  ["lines", (length) => `${CONFIG}${"a=1\n".repeat(length / 4)}`],
  ["empty lines", (length) => CONFIG + "\n".repeat(length)],
  ["zeros", (length) => CONFIG + "\0".repeat(length)],
];

test.each(SHAPES)("of 32 MiB with %s is refused by the parser, in its own words", { tags: "long" }, (_, shape) => {
  const text = shape(HUGE);
  const before = process.memoryUsage().heapUsed;
  const { value, diagnostics } = parseXlConfig({ file: "web1.cfg", text });
  expect(value).toBeUndefined();
  expect(diagnostics.map(({ code }) => code)).toEqual(["too-large"]);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * MIB);
});

test("a string of millions of letters is cut as a short one is", () => {
  const many = `'${"x".repeat(8 * MIB)}`;
  expect(lexXl(`${many}'`)).toEqual([{ kind: "string", start: 0, end: many.length + 1 }]);
  expect(lexXl(many)).toEqual([{ kind: "error", start: 0, end: many.length, problem: "unterminated-string" }]);
  for (const quote of ["'", "\""]) {
    const few = `${quote}${`\\${quote}x\\n`.repeat(1000)}`;
    expect(lexXl(few + quote)).toEqual([{ kind: "string", start: 0, end: few.length + 1 }]);
    for (const broken of [few, `${few}\\`]) expect(lexXl(broken)).toEqual([{ kind: "error", start: 0, end: broken.length, problem: "unterminated-string" }]);
    expect(lexXl(`${few}\\\n${quote}`)[0]).toEqual({ kind: "error", start: 0, end: few.length + 1, problem: "unterminated-string" });
  }
});

describe("the fact of configs", () => {
  const etc = join(tempFolder("huge"), "xen");
  mkdirSync(join(etc, "auto"), { recursive: true });
  /** What the fact's own command prints of these folders. */
  const asked = async (): Promise<CommandResult> => {
    const [program, option, script = ""] = fact.command;
    return runProcess([program, option ?? "", script.replaceAll("/etc/xen", etc)]);
  };
  const path = join(etc, "web1.cfg");

  test.each(SHAPES.filter(([what]) => ["a string", "a comment", "lines", "zeros"].includes(what)))("reads the beginning of one of 32 MiB with %s, and says so", async (_, shape) => {
    writeFileSync(path, shape(MIB / 2));
    // the rest is a hole: for a reader it is there all the same
    truncateSync(path, HUGE);
    const result = await asked();
    expect(result.stdout.length).toBeLessThan(MIB);
    const { value, diagnostics } = fact.parse(result);
    const [config] = value?.configs ?? [];
    expect(config?.path).toBe(path);
    // the disks of what was read count, or it is told that nobody knows them; edited it is never
    expect(config?.config === undefined || config.config.uneditable === "too-long").toBe(true);
    if (config?.config !== undefined) expect(config.config.disks).toHaveLength(1);
    expect(diagnostics.map(({ code }) => code)).toContain("config-encoding");
    expect(diagnostics.every(({ severity }) => severity === "warning")).toBe(true);
  });

  test("is unreadable where a host sends more of one than was asked for", () => {
    const bytes = Buffer.from(`${CONFIG}#${"x".repeat(8 * MIB)}\n\nend-of-config\n`);
    const stdout = `path /etc/xen/web1.cfg\nstat 644 1 ${bytes.length}\n/etc/xen/web1.cfg\ncontent\n${bytes.toString("base64")}\n`;
    const { value, diagnostics } = fact.parse({ exitCode: 0, stdout, stderr: "" });
    expect(value).toBeUndefined();
    expect(diagnostics).not.toEqual([]);
  });
});
