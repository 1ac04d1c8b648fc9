import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PACKAGES } from "../../src/core/checks/missing-tool.js";
import { TOOLS } from "../../src/core/facts/tools.js";
import { kindOf, toolsOf } from "../../src/core/steps/kind-of.js";
import { stepKinds } from "../../src/core/steps/registry.js";

/**
 * Each tool that a step may need is one that hosts are asked for, and has a package to install. Which of them a kind needs
 * depends on its arguments, so its source is read as well: no set of arguments would show every branch.
 */

const STEPS = "src/core/steps";
const LISTS = /(?:^ {2}needs: |^ {4}tools: |^export function \w+Tools\()([^]*?)(?:,$|^\}|;$)/gm;

const needed = readdirSync(STEPS).flatMap((file) => {
  const lists = [...readFileSync(`${STEPS}/${file}`, "utf8").matchAll(LISTS)].map(([, list = ""]) => list);
  // `type === "swap"` asks for an argument, and names no tool
  const words = lists.flatMap((list) => [...list.replace(/[=!]== "[^"]*"/g, "").matchAll(/"([^"]+)"/g)].map(([, word = ""]) => word));
  return words.map((tool) => ({ file, tool }));
});

describe("a tool that a step may need has a package", () => {
  test("in the text of the kinds they are all found", () => {
    const tools = new Set(needed.map(({ tool }) => tool));
    for (const tool of ["cmp", "dd", "dmsetup", "drbdsetup", "dumpe2fs", "ionice", "mkfs.xfs", "nice", "xl"]) expect(tools).toContain(tool);
  });

  test("each of them is one that a kind says it may need", () => {
    const required = new Set(Object.values(stepKinds).flatMap(({ requires }) => [...requires]));
    expect(needed.filter(({ tool }) => !required.has(tool))).toEqual([]);
  });

  test("each that a host is asked for; a kind that brings a new one names its package (`packages`)", () => {
    expect(TOOLS.filter((tool) => !Object.hasOwn(PACKAGES, tool))).toEqual([]);
  });

  test("a kind's own package is not one that the table has already", () => {
    const table = /PACKAGES: [^]*?^\};/m.exec(readFileSync("src/core/checks/missing-tool.ts", "utf8"))?.[0] ?? "";
    const own = Object.values(stepKinds).flatMap((kind) => Object.keys("packages" in kind ? kind.packages : {}));
    expect(own.filter((tool) => table.includes(`${tool}:`) || table.includes(`"${tool}":`))).toEqual([]);
  });
});

test("a tool that a kind needs without having said so is a bug, and no host is planned for with it", () => {
  const check = { node: "step", id: "check", kind: "check-filesystem", phase: "prepare", args: { volume: "vg0/a", type: "xfs" }, why: "" } as const;
  expect(toolsOf(check)).toEqual(["xfs_repair"]);
  const kind = kindOf(check);
  const { requires } = kind;
  try {
    Object.assign(kind, { requires: ["e2fsck"] });
    expect(() => toolsOf(check)).toThrow("check-filesystem needs xfs_repair, and its `requires` does not say so");
  } finally {
    Object.assign(kind, { requires });
  }
});
