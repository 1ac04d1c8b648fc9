import { expect, test } from "vitest";
import { strategies } from "../../src/core/strategies/registry.js";
import type { Strategy } from "../../src/core/strategies/strategy.js";
import { WAYS } from "./ways.js";

test("the laws are asked of every strategy that a playbook may name: each has a line in WAYS", () => {
  const named = Object.values<Strategy>(strategies).filter((strategy) => strategy.named).map(({ name }) => name);
  expect(named.filter((name) => !WAYS.some(({ options }) => options.strategy === name))).toEqual([]);
});
