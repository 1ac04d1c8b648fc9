import { expect, test } from "vitest";
import { partsMeant } from "./parts.js";

const PARTS = ["planning", "moves"];

test("a part that there is not is said, with those that there are", () => {
  expect(partsMeant("nonsense", PARTS)).toBe("there is no part 'nonsense': there are planning, moves");
  expect(partsMeant("constructor", PARTS)).toContain("there is no part");
});

test("one part is meant by its name, and all without one", () => {
  expect(partsMeant("moves", PARTS)).toEqual(["moves"]);
  expect(partsMeant(undefined, PARTS)).toEqual(PARTS);
});
