import { Coverage } from "./coverage.js";
import { corpusOf, keep } from "./corpus.js";
import { mutate, randomFrom } from "./mutate.js";
import { check } from "./target.js";
import type { Target } from "./target.js";
import { targets } from "./targets.js";

/**
 * `npm run fuzz [-- TARGET… [SECONDS]]`: every parser, or those named, for so many seconds each (60). What reaches code
 * that nothing reached before is kept in test/fuzz/corpus, and what breaks a target too: from then on the tests run it.
 */

const numbers = process.argv.slice(2).filter((word) => /^\d+$/.test(word));
const names = process.argv.slice(2).filter((word) => !/^\d+$/.test(word));
const seconds = Number(numbers[0] ?? 60);
const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 1_000_000_000);

const BATCH = 16;

function attempt(target: Target, input: Uint8Array): string | undefined {
  try {
    check(target, input);
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}`.split("\n")[0] ?? "" : String(error);
  }
}

/** Mutates what reaches most, and keeps what reaches more. */
function fuzz(target: Target, coverage: Coverage): { readonly runs: number; readonly kept: number; readonly broken: ReadonlyMap<string, string> } {
  const random = randomFrom(seed);
  const pool: Uint8Array[] = [];
  const broken = new Map<string, string>();
  let runs = 0;
  let kept = 0;
  const look = (input: Uint8Array, mutated: boolean): void => {
    const why = attempt(target, input);
    const isNew = coverage.news(coverage.take());
    if (why !== undefined && !broken.has(why)) {
      broken.set(why, keep(target.name, input, "broke"));
    } else if (why === undefined && isNew) {
      pool.push(input);
      if (mutated) {
        keep(target.name, input, "reaches");
        kept += 1;
      }
    }
  };
  coverage.take();
  for (const input of [...target.seeds(), ...corpusOf(target.name).map((one) => one.input)]) look(input, false);
  if (pool.length === 0) pool.push(new Uint8Array());
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    // the newest are the nearest to something new
    const from = random() < 0.5 ? Math.floor(random() * pool.length) : Math.max(0, pool.length - 1 - Math.floor(random() * 8));
    // taking the coverage costs more than most runs: once for several, and again one by one where they reached something
    const batch = Array.from({ length: BATCH }, () => mutate(pool[from] ?? new Uint8Array(), pool, target.words, random));
    runs += batch.length;
    const whys = batch.map((input) => attempt(target, input));
    const reached = coverage.isNews(coverage.take());
    batch.filter((_, i) => reached || whys[i] !== undefined).forEach((input) => { look(input, true); });
  }
  return { runs, kept, broken };
}

const unknown = names.filter((name) => !targets.some((target) => target.name === name));
if (unknown.length > 0) {
  console.error(`no target ${unknown.join(", ")}; there are ${targets.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}
console.log(`FUZZ_SEED=${String(seed)}, ${String(seconds)} s each`);
const coverage = new Coverage();
let trouble = 0;
for (const target of targets.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const { runs, kept, broken } = fuzz(target, coverage);
  console.log(`${target.name.padEnd(26)} ${String(runs).padStart(8)} inputs, ${String(kept)} kept, ${String(coverage.size)} blocks reached in all`);
  for (const [why, path] of broken) console.log(`  ${why}\n    ${path}`);
  trouble += broken.size;
}
coverage.close();
process.exitCode = trouble > 0 ? 1 : 0;
