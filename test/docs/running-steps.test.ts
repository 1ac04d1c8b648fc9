import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stepsOf } from "../../src/core/model/plan.js";
import { planned } from "./strategy-pages.js";

/** The guide's table of what happens on the host is written by hand: here it is held against a plan of the guest that it is about. */

interface Row {
  readonly phase: string;
  readonly kinds: readonly string[];
}

function rows(): readonly Row[] {
  const [, section = ""] = readFileSync("docs/guide/running.md", "utf8").split("\n## What happens on the host\n");
  const [, table = ""] = section.split("\n| --- | --- | --- |\n");
  let phase = "";
  return (table.split("\n\n")[0] ?? "").split("\n").flatMap((line) => {
    const [named = "", kinds = ""] = line.split("|").slice(1).map((cell) => cell.trim());
    // `prepare, in 1 to 5 passes`
    if (named !== "") phase = named.split(",")[0] ?? "";
    // a pass more is of the same steps
    if (kinds === "the same steps") return [];
    // where there are two, it is as the playbook says
    return [{ phase, kinds: kinds.split(", ").map((kind) => kind.split(" or ")[0] ?? "") }];
  });
}

test("the guide's table has the steps of a move by files, in their phases and their order", () => {
  const plan = planned({ move: { strategy: "rsync", source: "retire" } });
  const told = rows().flatMap(({ phase, kinds }) => kinds.map((kind) => `${phase}: ${kind}`));
  expect(told).toEqual(stepsOf(plan.nodes).map(({ phase, kind }) => `${phase}: ${kind}`));
});
