import { expect, test } from "vitest";
import { chooseStyle } from "../../src/edge/terminal/style.js";

test.each([
  [{ noColor: false, isTTY: true, env: {} }, true],
  [{ noColor: false, isTTY: false, env: {} }, false],
  [{ noColor: true, isTTY: true, env: { FORCE_COLOR: "1" } }, false],
  [{ noColor: false, isTTY: true, env: { NO_COLOR: "1" } }, false],
  [{ noColor: false, isTTY: true, env: { NO_COLOR: "" } }, true],
  [{ noColor: false, isTTY: false, env: { FORCE_COLOR: "1" } }, true],
  [{ noColor: false, isTTY: true, env: { FORCE_COLOR: "0" } }, false],
  [{ noColor: false, isTTY: true, env: { TERM: "dumb" } }, false],
] as const)("%j gives colours: %j", (wishes, coloured) => {
  expect(chooseStyle(wishes).danger("x").includes("\u001b[")).toBe(coloured);
});

test("painting takes the text alone: lists are painted by map", () => {
  const { faint } = chooseStyle({ noColor: false, isTTY: true, env: {} });
  expect(["a", "b"].map(faint)).toEqual([faint("a"), faint("b")]);
});
