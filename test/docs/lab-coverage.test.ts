import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { strategies } from "../../src/core/strategies/registry.js";
import type { Strategy } from "../../src/core/strategies/strategy.js";
import { GUESTS, MOVES, wayOf } from "../lab/suite/covered.js";
import type { Move } from "../lab/suite/covered.js";
import { PARTS } from "../lab/suite/parts.js";
import { IMPOSSIBLE, NOT_SAMPLED, NOWHERE } from "../lab/suite/uncovered.js";
import { askPlanner, coveredBy, everyPair, PAGE, plannedAs, tables, VALUES, wayOfRow, withTables } from "./lab-coverage.js";
import { isNamed, labFiles, readLab } from "./lab-tests.js";

/**
 * The lab's moves, and what of them is there pair by pair. Nothing is run in a lab here: rows are held against the text of the
 * tests and against the planner. `UPDATE_GOLDEN=1 npx vitest run --project fast test/docs` writes the tables anew.
 */

const rows = Object.entries<Move>(MOVES).map(([name, move]) => ({ name, move }));
const files = new Map(labFiles().map((name) => [name, readLab(name)]));
const guests = Object.keys(GUESTS);

/** Where a way is written out: no move comes to its end by it, or none that a row could be. */
const WRITTEN_OUT: readonly { readonly file: string; readonly within: string; readonly because: string }[] = [
  {
    file: "breadth.lab.ts", because: "broken off",
    within: "a last pass that takes more than three times its forecast brings the guest back on its image",
  },
  {
    file: "breadth.lab.ts", because: "previewed",
    within: "a network card that was plugged in while the guest ran: no move without a restart takes it away, and one with a restart says so",
  },
  { file: "drbd.lab.ts", within: "wish", because: "what rows say as well" },
  { file: "drbd.lab.ts", within: "leaves them when a later playbook says so, and has lost nothing", because: "a second switch alone" },
  { file: "drbd.lab.ts", within: "describeInTheMirror", because: "broken off" },
  { file: "md-preseed.lab.ts", within: "wish", because: "what rows say as well" },
  { file: "md-preseed.lab.ts", within: "describeInTheMirror", because: "broken off" },
  { file: "md.lab.ts", within: "wish", because: "what rows say as well" },
  { file: "md.lab.ts", within: "leaves them when a later playbook says so, and has lost nothing", because: "a second switch alone" },
  { file: "md.lab.ts", within: "describeInTheMirror", because: "broken off" },
  { file: "mirrors.lab.ts", within: "describeInTheMirror", because: "broken off" },
  {
    file: "moves.lab.ts", because: "refused",
    within: "a whole disk with partitions whose files are to be copied is refused before anything is touched, and says why",
  },
  { file: "power.lab.ts", within: "RSYNC", because: "drawn at random" },
  { file: "power.lab.ts", within: "QEMU", because: "drawn at random" },
  { file: "power.lab.ts", within: "WAYS", because: "drawn at random" },
  { file: "switches.lab.ts", within: "a PV guest is not migrated, and the refusal says why and what else there is", because: "refused" },
  {
    file: "switches.lab.ts", because: "broken off",
    within: "a guest that somebody else migrates in mid-copy is another domain: the switch is not made, and it runs where it runs",
  },
];

describe("a row of the lab's moves", () => {
  test.each(rows)("$name is of a test that there is, in that suite, on that build, with that kind of guest", ({ move }) => {
    const found = (files.get(move.file)?.tests ?? []).filter(({ title }) => title === move.title);
    const { sampled, hypervisor, type } = move;
    const seen = found.map((one) => ({ sampled: one.sampled, hypervisor: one.hypervisor, type: one.types.get(move.guest) ?? "pv" }));
    expect(seen, move.title).toEqual([{ sampled, hypervisor, type }]);
  });

  test.each(rows)("$name says its way to its test, of that guest and those disks", ({ name, move }) => {
    const uses = files.get(move.file)?.uses(guests).filter(({ row }) => row === name) ?? [];
    expect(uses.length, `wayOf("${name}") in ${move.file}`).toBeGreaterThan(0);
    for (const { around } of uses) {
      expect(isNamed(around, move.guest), around).toBe(true);
      if (/"xvd|xvd[a-z0-9]+:/.test(around)) for (const vdev of move.disks) expect(around).toMatch(new RegExp(`\\b${vdev}\\b`));
    }
  });

  test.each(rows)("$name is what the planner makes of it", ({ move }) => {
    const { strategy, switch: switchOver, finish, reach, picked } = move;
    const outcome = plannedAs(wayOfRow(move), picked);
    expect(outcome).toMatchObject({ switch: switchOver, finish, reach });
    expect("strategies" in outcome ? outcome.strategies[0] : "").toBe(strategy);
  });

  test("is there for every use in a test", () => {
    const used = [...files].flatMap(([file, { uses }]) => uses(guests).map(({ row }) => ({ file, row })));
    expect(used.filter(({ file, row }) => rows.find(({ name }) => name === row)?.move.file !== file)).toEqual([]);
  });

  test("says to a playbook what is not so anyway", () => {
    expect(wayOf("moves/web1")).toEqual({ strategy: "rsync" });
    expect(wayOf("mirrors/web1")).toEqual({ strategy: "dm", switch: "suspend" });
    expect(wayOf("switches/web1-pvh"), "auto picks it").toEqual({ strategy: "dm" });
    expect(wayOf("md/oldext")).toEqual({ strategy: "md", switch: "suspend", finish: "now" });
    expect(wayOf("qemu/web1")).toEqual({ strategy: "qemu" });
  });
});

test("a strategy, a switch-over or a finish that a test writes out itself is of no move that a row could be", () => {
  const written = [...files].flatMap(([file, { literals }]) => literals.map(({ within }) => ({ file, within })));
  const known = WRITTEN_OUT.map(({ file, within }) => ({ file, within }));
  const isIn = (list: typeof known) => ({ file, within }: (typeof known)[number]): boolean => list.some((one) => one.file === file && one.within === within);
  expect(written.filter((one) => !isIn(known)(one)), "to be in a row of covered.ts").toEqual([]);
  expect(known.filter((one) => !isIn(written)(one)), "no more").toEqual([]);
});

test("what `npm run test:lab` has is in one of its parts each, and every part has something", () => {
  const sampled = [...files].flatMap(([file, { tests }]) => tests.filter((one) => one.sampled).map(({ title, parts }) => ({ file, title, parts })));
  expect(sampled.filter(({ parts }) => parts.length !== 1), "test/lab/suite/parts.ts").toEqual([]);
  expect([...new Set(sampled.flatMap(({ parts }) => parts))].sort()).toEqual(Object.keys(PARTS).sort());
});

test("the guests are those that the lab's page lists, with those disks", () => {
  const listed = readFileSync(PAGE, "utf8").split("\n").flatMap((line): readonly (readonly [string, readonly string[]])[] => {
    const [, name = "", address = "", disks = ""] = line.split("|").map((cell) => cell.trim());
    return /^10\.77\.0\.\d+$/.test(address) ? [[name, [...disks.matchAll(/\b(xvd\w+)\b/g)].map(([, vdev = ""]) => vdev)]] : [];
  });
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(Object.entries(GUESTS).map(([name, disks]) => [name, Object.keys(disks)])));
});

describe("two values of what may differ between moves", () => {
  const { possible, refused, otherwise } = askPlanner();
  const all = coveredBy(rows.map(({ move }) => move));
  const sampled = coveredBy(rows.filter(({ move }) => move.sampled).map(({ move }) => move));
  const pairsIn = (list: readonly { readonly pairs: readonly string[] }[]): readonly string[] => list.flatMap(({ pairs }) => pairs).sort();
  const missing = (is: (pair: string) => boolean): readonly string[] => everyPair().filter(is).sort();

  test("are of every strategy that a playbook may name", () => {
    expect([...VALUES.strategy].sort()).toEqual(Object.values<Strategy>(strategies).flatMap(({ named, name }) => (named ? [name] : [])).sort());
  });

  test("are impossible together where the planner has no plan with both, and nowhere else", () => {
    expect(pairsIn(IMPOSSIBLE)).toEqual(missing((pair) => !possible.has(pair)));
  });

  test.each(IMPOSSIBLE)("are impossible together by the planner's word: $because", ({ pairs, because, refused: isRefused }) => {
    for (const pair of pairs) {
      if (isRefused) expect([...refused.get(pair) ?? []].join("\n"), pair).toContain(because);
      else expect(otherwise.has(pair), pair).toBe(true);
    }
  });

  test("are together in no row where the planner has no plan with both", () => {
    expect([...all].filter((pair) => !possible.has(pair))).toEqual([]);
  });

  test("are together in a move of the lab, or it is said why not", () => {
    expect(pairsIn(NOWHERE), "test/lab/suite/uncovered.ts").toEqual(missing((pair) => possible.has(pair) && !all.has(pair)));
  });

  test("are together in a move of the sampled suite, or it is said why not", () => {
    expect(pairsIn(NOT_SAMPLED), "test/lab/suite/uncovered.ts").toEqual(missing((pair) => all.has(pair) && !sampled.has(pair)));
  });

  test("are shown on the lab's page as they are", () => {
    const now = withTables(readFileSync(PAGE, "utf8"), tables(possible, all, sampled));
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(PAGE, now);
    expect(readFileSync(PAGE, "utf8"), "UPDATE_GOLDEN=1 writes them anew: read the diff").toBe(now);
  });
});
