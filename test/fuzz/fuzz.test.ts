import { describe, expect, test } from "vitest";
import { corpusOf } from "./corpus.js";
import { mutate, randomFrom } from "./mutate.js";
import { faultsPromised } from "../support/faults.js";
import { check } from "./target.js";
import { targets } from "./targets.js";

/**
 * A short run of every target: what was kept of earlier runs, what broke something once, and mutations of both.
 * `npm run fuzz` is the long one.
 */

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const MUTATIONS = Number(process.env["FUZZ_TIMES"] ?? 60);

describe.each(targets)("$name", (target) => {
  const inputs = [...target.seeds().map((input, i) => ({ name: `seed ${String(i)}`, input })), ...corpusOf(target.name)];

  test("holds on all that was kept", () => {
    expect(inputs.length).toBeGreaterThan(0);
    for (const { name, input } of inputs) {
      try {
        check(target, input);
      } catch (error) {
        throw new Error(`${name}: ${String(error)}`, { cause: error });
      }
    }
  });

  test(`holds on mutations of it (FUZZ_SEED=${String(seed)})`, () => {
    const random = randomFrom(seed);
    const all = inputs.map(({ input }) => input);
    for (let i = 0; i < MUTATIONS; i += 1) {
      const input = mutate(all[Math.floor(random() * all.length)] ?? new Uint8Array(), all, target.words, random);
      try {
        check(target, input);
      } catch (error) {
        throw new Error(`${String(error)}\nthe input, in base64: ${Buffer.from(input).toString("base64")}`, { cause: error });
      }
    }
  });
});

test("there are as many inputs as is said", () => {
  const kept = targets.reduce((sum, target) => sum + target.seeds().length + corpusOf(target.name).length, 0);
  expect(kept + targets.length * MUTATIONS).toBeGreaterThanOrEqual(faultsPromised("inputs"));
});

test("what breaks a target is noticed: a check that can not fail would show nothing", () => {
  const bad = (run: () => void) => ({ name: "bad", seeds: () => [], words: [], run });
  expect(() => { check(bad(() => { throw new Error("no"); }), new Uint8Array()); }).toThrow("no");
  const polluted = Object.prototype as Record<string, unknown>;
  expect(() => { check(bad(() => { polluted["planted"] = 1; }), new Uint8Array()); }).toThrow("a prototype was changed");
  delete polluted["planted"];
});
