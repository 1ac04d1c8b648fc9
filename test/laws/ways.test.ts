import { expect, test } from "vitest";
import { strategies } from "../../src/core/strategies/registry.js";
import type { Strategy } from "../../src/core/strategies/strategy.js";
import { AT_RANDOM } from "./generated.js";
import { WAYS } from "./ways.js";

const named = Object.values<Strategy>(strategies).filter((strategy) => strategy.named).map(({ name }) => name);

test("the laws are asked of every strategy that a playbook may name: each has a line in WAYS", () => {
  expect(named.filter((name) => !WAYS.some(({ options }) => options.strategy === name))).toEqual([]);
});

test("hosts made at random are moved by each of them: AT_RANDOM of generated.ts names it", () => {
  expect(named.filter((name) => !AT_RANDOM.some(({ strategy }) => strategy === name))).toEqual([]);
});
