import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** The scripts that run suites in parts, with a vitest and an npm that only write down what they are asked for, and a clock that they turn. */

const NOW = 1_800_000_000;
const UNSET = { LAB_ALL: undefined, LAB_PART: undefined, LAB_PARTS: undefined, LAB_MINUTES: undefined };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "converge-scripts-"));
  const tools = join(folder, "node_modules", ".bin");
  mkdirSync(tools, { recursive: true });
  mkdirSync(join(folder, "scripts"));
  for (const name of ["test-lab", "test-beside"]) copyFileSync(join("scripts", name), join(folder, "scripts", name));
  const asked = `#!/bin/sh
echo "\${LAB_PART-} $*" >>"${folder}/asked"
echo "$(($(cat "${folder}/clock") + TAKES))" >"${folder}/clock"
case "\${LAB_PART-} $*" in *"$FAILS"*) echo " Failed Tests 1"; echo "FAIL of $*"; exit 1 ;; esac
`;
  for (const [tool, text] of [["vitest", asked], ["npm", asked], ["date", `#!/bin/sh\ncat "${folder}/clock"\n`]] as const) {
    writeFileSync(join(tools, tool), text);
    chmodSync(join(tools, tool), 0o755);
  }
  writeFileSync(join(folder, "clock"), `${NOW}\n`);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function ran(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { exitCode, all } = await execa(join(folder, "scripts", script), args, { all: true, reject: false, env: { ...UNSET, FAILS: "nothing", TAKES: "0", ...env } });
  const asked = existsSync(join(folder, "asked")) ? readFileSync(join(folder, "asked"), "utf8").trim().split("\n") : [];
  return { exitCode, all, asked };
}

describe("the lab's suite", () => {
  const partsOf = (asked: readonly string[]): readonly string[] => asked.map((line) => line.split(" ")[0] ?? "");

  test("has the base alone where there is no time for more, and says what it left out", async () => {
    const { exitCode, all, asked } = await ran("test-lab", [], { LAB_MINUTES: "0" });
    expect(exitCode, all).toBe(0);
    expect(partsOf(asked)).toEqual(["base"]);
    const told = /left out[^:]*: ([\d ]+)\./.exec(all)?.[1]?.split(" ").sort();
    expect(told).toEqual(["1", "2", "3", "4"]);
    expect(all).toMatch(/LAB_PARTS='\d \d \d \d' npm run test:lab/);
  });

  test("begins no part that may end after its time, as long as the longest so far", async () => {
    const { asked, all } = await ran("test-lab", [], { LAB_MINUTES: "10", TAKES: "200" });
    // a third one might end at 600 s, and that is not before
    expect(partsOf(asked), all).toHaveLength(2);
    const slow = await ran("test-lab", [], { LAB_MINUTES: "10", TAKES: "350" });
    expect(partsOf(slow.asked.slice(asked.length)), "the first one might end at 612 s").toEqual(["base"]);
    expect(all).toContain("== part base of the lab's suite, after 0 min\n== part ");
    expect(all).toContain("since more than 10 min would have gone by");
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

  test.each(["30min", "08", "-1"])("refuses a time that is none: %s", async (minutes) => {
    const { exitCode, all, asked } = await ran("test-lab", [], { LAB_MINUTES: minutes });
    expect([exitCode, asked]).toEqual([1, []]);
    expect(all).toContain(`LAB_MINUTES=${minutes} is no number of minutes`);
  });

  test("has all parts where none is named by name, and is one run where all of it is asked for", async () => {
    expect((await ran("test-lab", [], { LAB_PARTS: " " })).asked).toHaveLength(5);
    expect((await ran("test-lab", [], { LAB_ALL: "1" })).asked.slice(5)).toEqual([" run --project lab"]);
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
    const { exitCode, all, asked } = await ran("test-beside", [String(NOW + 1)], { FAILS: "--shard=4/8" });
    expect(exitCode).toBe(1);
    expect(all).toContain("failed: --shard=4/8");
    // what failed is told again at the end: the rest may have been cut off
    const end = all.slice(all.indexOf("== what failed of --shard=4/8"));
    expect(end).toMatch(/^.*\n Failed Tests 1\nFAIL of run .*--shard=4\/8 .*\nfailed: --shard=4\/8$/u);
    expect(all.indexOf("FAIL of run")).toBeLessThan(all.indexOf("== what failed of"));
    const parts = asked.slice(1).map((line) => /--tags-filter long --shard=(\S+) /.exec(line)?.[1]);
    expect([...parts.slice(0, -1)].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((part) => `${String(part)}/8`));
    expect(asked.at(-1)).toContain("--tags-filter !long test/laws");
  });

  test("are those parts that can be begun before the time", async () => {
    const { asked, all } = await ran("test-beside", [String(NOW + 60)], { TAKES: "20" });
    expect(asked, all).toHaveLength(3);
    expect(all).toMatch(/left out for want of time:( \d\/8){6} laws\./);
  });

  test("fail where `npm test` does", async () => {
    const { exitCode, all } = await ran("test-beside", ["0"], { FAILS: "--silent test" });
    expect(exitCode).toBe(1);
    expect(all).toContain("failed: npm test");
  });
});
