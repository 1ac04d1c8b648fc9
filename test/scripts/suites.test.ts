import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** The scripts that run suites in parts, with a vitest and an npm that only write down what they are asked for. */

const UNSET = { LAB_PART: undefined, LAB_PARTS: undefined, LAB_MINUTES: undefined };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "converge-scripts-"));
  const tools = join(folder, "node_modules", ".bin");
  mkdirSync(tools, { recursive: true });
  mkdirSync(join(folder, "scripts"));
  for (const name of ["test-lab", "test-beside"]) copyFileSync(join("scripts", name), join(folder, "scripts", name));
  for (const tool of ["vitest", "npm"]) {
    writeFileSync(join(tools, tool), `#!/bin/sh
echo "\${LAB_PART-} $*" >>"${folder}/asked"
case "\${LAB_PART-} $*" in *"$FAILS"*) exit 1 ;; esac
`);
    chmodSync(join(tools, tool), 0o755);
  }
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function ran(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { exitCode, all } = await execa(join(folder, "scripts", script), args, { all: true, reject: false, env: { ...UNSET, FAILS: "nothing", ...env } });
  const asked = existsSync(join(folder, "asked")) ? readFileSync(join(folder, "asked"), "utf8").trim().split("\n") : [];
  return { exitCode, all, asked };
}

describe("the lab's suite", () => {
  const partsOf = (asked: readonly string[]): readonly string[] => asked.map((line) => line.split(" ")[0] ?? "");

  test("has the base and one part more where there is no time, and says what it left out", async () => {
    const { exitCode, all, asked } = await ran("test-lab", [], { LAB_MINUTES: "0" });
    expect(exitCode, all).toBe(0);
    const [base, one = "", ...more] = partsOf(asked);
    expect([base, more]).toEqual(["base", []]);
    const left = ["1", "2", "3", "4"].filter((part) => part !== one);
    const told = /left out[^:]*: ([\d ]+)\./.exec(all)?.[1]?.split(" ").sort();
    expect(told).toEqual(left);
    expect(all).toMatch(/LAB_PARTS='\d \d \d' npm run test:lab/);
  });

  test("has all of them where there is, each once", async () => {
    const { exitCode, all, asked } = await ran("test-lab", []);
    expect(exitCode, all).toBe(0);
    expect(partsOf(asked)[0]).toBe("base");
    expect([...partsOf(asked)].sort()).toEqual(["1", "2", "3", "4", "base"]);
    expect(all).not.toContain("left out");
  });

  test("fails where a part does, goes on with the others, and says which it was", async () => {
    const { exitCode, all, asked } = await ran("test-lab", [], { FAILS: "base" });
    expect(exitCode).toBe(1);
    expect(all).toContain("LAB_PARTS='base' npm run test:lab");
    expect(asked).toHaveLength(5);
  });

  test("has the parts that are asked for, whatever they take, or what vitest is asked for", async () => {
    expect(partsOf((await ran("test-lab", [], { LAB_PARTS: "3 1", LAB_MINUTES: "0" })).asked)).toEqual(["3", "1"]);
    const { asked } = await ran("test-lab", ["-t", "a title"]);
    expect(asked.at(-1)?.trim()).toBe("run --project lab -t a title");
  });

  test("refuses a time that is none", async () => {
    const { exitCode, all, asked } = await ran("test-lab", [], { LAB_MINUTES: "30min" });
    expect([exitCode, asked]).toEqual([1, []]);
    expect(all).toContain("LAB_MINUTES=30min is no number of minutes");
  });
});

describe("the fast tests beside it", () => {
  test("are `npm test` and no more where there is no time, and it is said what was left out", async () => {
    const { exitCode, all, asked } = await ran("test-beside", ["0"]);
    expect(exitCode, all).toBe(0);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain("run --silent test --");
    expect(all).toContain("npm run test:all has them all");
    for (const part of [1, 2, 3, 4, 5, 6, 7, 8]) expect(all).toContain(` ${String(part)}/8`);
  });

  test("are all that take long where there is, each part once; one that fails is named", async () => {
    const { exitCode, all, asked } = await ran("test-beside", [String(Math.floor(Date.now() / 1000) + 3600)], { FAILS: "--shard=4/8" });
    expect(exitCode).toBe(1);
    expect(all).toContain("failed:  --shard=4/8");
    const parts = asked.slice(1).map((line) => /--tags-filter long --shard=(\S+) /.exec(line)?.[1]);
    expect([...parts].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((part) => `${String(part)}/8`));
  });

  test("fail where `npm test` does", async () => {
    const { exitCode, all } = await ran("test-beside", ["0"], { FAILS: "--silent test" });
    expect(exitCode).toBe(1);
    expect(all).toContain("failed: npm test");
  });
});
