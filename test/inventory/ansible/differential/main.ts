import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { differences } from "./compare.js";
import { KINDS } from "./inventories.js";
import type { Question } from "./oracle.js";
import { startOracle } from "./oracle.js";

/**
 * Compares converge with the ansible-inventory that is installed, on inventories by chance, until one is read
 * differently; what is found is made as small as it gets.
 *
 *   node dist/test/inventory/ansible/differential/main.js [KIND] [SEED] [RUNS] [DIFFERENCES]
 *   node dist/test/inventory/ansible/differential/main.js record FILE   some questions of each kind with their answers, for the tests
 */

const RECORDED_OF_EACH = 12;

async function run(kind: keyof typeof KINDS, seed: number, runs: number, wanted: readonly string[]): Promise<boolean> {
  const oracle = startOracle();
  const counts = new Map<string, number>();
  try {
    const property = fc.asyncProperty<[Question]>(KINDS[kind], async (question) => {
      const found = differences(question, await oracle.ask(question));
      for (const difference of found) {
        const name = `${difference.kind} ${difference.codes.join(" ")}`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      const bad = found.filter((difference) => wanted.includes(difference.kind));
      if (bad.length > 0) throw new Error(bad.map(({ kind: how, what, codes }) => `${how} [${codes.join(" ")}] ${what}`).join("\n"));
    });
    const result = await fc.check(property, { seed, numRuns: runs, interruptAfterTimeLimit: 60_000 });
    console.log(`${kind} seed ${seed}: ${result.numRuns} inventories${[...counts].map(([name, count]) => `; ${name}: ${count}`).join("")}`);
    if (!result.failed) return true;
    if (result.counterexample === null) throw new Error("nothing to show");
    const [question] = result.counterexample;
    for (const [path, text] of Object.entries(question.files)) if (text !== "") console.log(`--- ${path}\n${text}`);
    console.log(JSON.stringify({ ...question, files: undefined }));
    console.log(result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance));
    return false;
  } finally {
    oracle.close();
  }
}

async function record(file: string): Promise<void> {
  const oracle = startOracle();
  const lines: string[] = [];
  for (const arbitrary of Object.values(KINDS)) {
    for (const question of fc.sample(arbitrary, { seed: 5, numRuns: RECORDED_OF_EACH })) {
      lines.push(JSON.stringify({ question, answer: { ...await oracle.ask(question), said: "" } }));
    }
  }
  oracle.close();
  writeFileSync(file, `${lines.join("\n")}\n`);
}

async function compareAll(kinds: string, seed: number, runs: number, wanted: readonly string[]): Promise<boolean> {
  let good = true;
  for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
    if (kinds === "all" || kinds === kind) good = await run(kind, seed, runs, wanted) && good;
  }
  return good;
}

const [kinds = "all", seed = String(Date.now() % 1_000_000), runs = "500", wanted = "silent,refused"] = process.argv.slice(2);
if (kinds === "record") await record(seed);
else process.exitCode = await compareAll(kinds, Number(seed), Number(runs), wanted.split(",")) ? 0 : 1;
