import { formatBytes, parseBytes } from "../../src/core/model/bytes.js";
import { compareInventories } from "./inventory.js";
import { lintMany } from "./linting.js";
import { IMAGE_BYTES, compareMoves } from "./move.js";
import type { MoveTimes } from "./move.js";
import { partsMeant } from "./parts.js";
import { planAll, planMany, readingsOf } from "./planning.js";
import { sharesOf } from "./shares.js";

/**
 * `npm run bench`: ratios measured side by side in one run. Absolute times are this machine's, on this day.
 * `npm run bench -- planning`, `inventory`, `linting` or `moves` runs one part; only `moves` needs the lab. `moves 1 dm qemu`
 * makes one round, of the ways that begin so; `moves 1 1GiB dm` on a disk of that size, half of it in use.
 */

const GUESTS = 20;

async function benchPlanning(): Promise<void> {
  console.log(`planning ${GUESTS} guests a host, from what commands printed to simulated, checked plans\n`);
  for (const [moving, words] of [[0, "nothing to do"], [1, "one guest of each host moves"], [GUESTS, "every guest moves"]] as const) {
    planMany(50, GUESTS, moving); // warm up
    console.log(words);
    console.log("  hosts     clock   processor   per host    reading   planning");
    const [small, large] = [planMany(100, GUESTS, moving), planMany(1000, GUESTS, moving)];
    for (const { hosts, wall, processor, reading } of [small, large]) {
      const perHost = (processor / hosts) * 1000;
      const times = [[wall, 8], [processor, 10]].map(([time = 0, width = 0]) => `${time.toFixed(2).padStart(width)} s`).join("");
      const parts = [reading, processor - reading].map((time) => `${time.toFixed(2).padStart(9)} s`).join("");
      console.log(`  ${String(hosts).padEnd(5)}${times}${perHost.toFixed(2).padStart(8)} ms${parts}`);
    }
    console.log(`  ten times the hosts take ${(large.processor / small.processor).toFixed(1)} times the processor's time (10.0 is linear)`);
    const readings = readingsOf(100, GUESTS);
    const shares = await sharesOf(() => void planAll(readings, GUESTS, moving, []));
    console.log(`  where it goes: ${shares.map(({ room, share }) => `${room} ${Math.round(share * 100)} %`).join(", ")}\n`);
  }
}

async function benchMoves(words: readonly string[]): Promise<void> {
  const rounds = Number(words.find((word) => /^[1-9]$/.test(word)) ?? 2);
  const bytes = words.map(sizeOf).find((size) => size !== undefined);
  console.log(`moves of one running guest of ${formatBytes(bytes ?? IMAGE_BYTES)} in the lab, each by a script of the same tools and by converge (one boot, best of ${rounds})\n`);
  const only = words.filter((word) => !/^[1-9]$/.test(word) && sizeOf(word) === undefined);
  const ways = await compareMoves(rounds, only, bytes, (line) => { console.error(line); });
  const steps = ways.find(({ name }) => name === "rsync")?.byHand;
  console.log("                           total                downtime");
  console.log("                          s   hand  steps       s   hand  steps boots     copied");
  for (const { name, byHand, converge } of ways) {
    console.log(movesLine(name, converge, byHand, steps));
    if (byHand !== undefined) console.log(movesLine("  by hand", byHand, undefined, steps));
  }
  console.log("\nhand: times what the script of the same way takes; steps: times what the script of the mission's eleven steps takes");
}

/** `1GiB`: a word that is a size, and no number of rounds. */
function sizeOf(word: string): number | undefined {
  return /^\d+[a-zA-Z]+$/.test(word) ? parseBytes(word) : undefined;
}

function movesLine(name: string, times: MoveTimes, byHand: MoveTimes | undefined, steps: MoveTimes | undefined): string {
  const columns = (of: (times: MoveTimes) => number): string =>
    [of(times).toFixed(2), ...[byHand, steps].map((other) => (other === undefined ? "" : (of(times) / of(other)).toFixed(2)))]
      .map((text) => text.padStart(7)).join("");
  const copied = times.bytes === undefined ? "" : formatBytes(times.bytes);
  return name.padEnd(20) + columns(({ total }) => total) + columns(({ downtime }) => downtime) + String(times.restarts).padStart(6) + copied.padStart(11);
}

function benchInventories(): void {
  const { hosts, converge, ansible, same } = compareInventories();
  console.log(`an inventory of ${hosts} hosts in 100 groups with variables, --list, the whole process, best of several runs\n`);
  console.log(`  converge inventory   ${converge.toFixed(2).padStart(6)} s`);
  if (ansible === undefined) console.log("  ansible-inventory is not installed: nothing to compare with\n");
  else {
    console.log(`  ansible-inventory    ${ansible.toFixed(2).padStart(6)} s   ratio ${(ansible / converge).toFixed(1)}, ${same ? "the same" : "NOT the same"} output\n`);
  }
}

function benchLinting(): void {
  console.log("converge lint as a whole process, start-up included (the best of three by the clock; the processor's time of one)\n");
  console.log("  playbooks   hosts       clock   processor");
  for (const [playbooks, hosts] of [[50, 1000], [500, 10_000]] as const) {
    const { wall, processor } = lintMany(playbooks, hosts);
    console.log(`  ${String(playbooks).padEnd(10)}  ${String(hosts).padEnd(6)} ${wall.toFixed(2).padStart(8)} s ${processor.toFixed(2).padStart(9)} s`);
  }
  console.log("");
}

const PARTS: Readonly<Record<string, (words: readonly string[]) => void | Promise<void>>> = {
  planning: benchPlanning, inventory: benchInventories, moves: benchMoves, linting: benchLinting,
};

const [only, ...words] = process.argv.slice(2);
const chosen = partsMeant(only, Object.keys(PARTS));
if (typeof chosen === "string") {
  console.error(chosen);
  process.exitCode = 1;
} else {
  for (const part of chosen) await PARTS[part]?.(words);
}
