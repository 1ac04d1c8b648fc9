import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PACKAGES } from "../../src/core/checks/missing-tool.js";

/**
 * Each tool that a step may need is one that hosts are asked for, and has a package to install. What a kind requires
 * depends on its arguments, so its source is read: no set of arguments would show every branch.
 */

const STEPS = "src/core/steps";
const LISTS = /(?:^ {2}requires: |^const TOOLS = |^export function \w+Tools\()([^]*?)(?:,$|^\}|;$)/gm;

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

  test("each of them", () => {
    expect(needed.filter(({ tool }) => !Object.hasOwn(PACKAGES, tool))).toEqual([]);
  });
});
