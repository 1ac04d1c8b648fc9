import { formatBytes } from "../../src/core/model/bytes.js";
import { compareInventories } from "./inventory.js";
import { lintMany } from "./linting.js";
import { compareMoves } from "./move.js";
import { planAll, planMany, readingsOf } from "./planning.js";
import { sharesOf } from "./shares.js";

/**
 * `npm run bench`: ratios measured side by side in one run. Absolute times are this machine's, on this day.
 * `npm run bench -- planning`, `inventory`, `linting` or `moves` runs one part; only `moves` needs the lab.
 */

const GUESTS = 20;

async function benchPlanning(): Promise<void> {
  console.log(`planning ${GUESTS} guests a host, from what commands printed to simulated, checked plans\n`);
  for (const [moving, words] of [[0, "nothing to do"], [1, "one guest of each host moves"], [GUESTS, "every guest moves"]] as const) {
    planMany(50, GUESTS, moving); // warm up
    console.log(words);
    console.log("  hosts       all   per host");
    const [small, large] = [planMany(100, GUESTS, moving), planMany(1000, GUESTS, moving)];
    for (const { hosts, seconds } of [small, large]) {
      console.log(`  ${String(hosts).padEnd(5)}${seconds.toFixed(2).padStart(8)} s${((seconds / hosts) * 1000).toFixed(2).padStart(8)} ms`);
    }
    console.log(`  ten times the hosts take ${(large.seconds / small.seconds).toFixed(1)} times as long (10.0 is linear)`);
    const readings = readingsOf(100, GUESTS);
    const shares = await sharesOf(() => void planAll(readings, GUESTS, moving, []));
    console.log(`  where it goes: ${shares.map(({ room, share }) => `${room} ${Math.round(share * 100)} %`).join(", ")}\n`);
  }
}

async function benchMoves(): Promise<void> {
  console.log("moves of one running guest in the lab, beside scripts of the same by hand (one boot, one guest of 128 MiB, the best of two)\n");
  const ways = await compareMoves();
  const script = ways["eleven steps"];
  if (script === undefined) throw new Error("the script was not measured");
  console.log("                     total   ratio   downtime   ratio   restarts   copied");
  for (const [name, { total, downtime, restarts, bytes }] of Object.entries(ways)) {
    console.log(
      `  ${name.padEnd(14)} ${total.toFixed(1).padStart(7)} s ${(total / script.total).toFixed(2).padStart(7)} ${downtime.toFixed(1).padStart(8)} s ` +
        `${(downtime / script.downtime).toFixed(2).padStart(7)} ${String(restarts).padStart(10)}   ${bytes === undefined ? "unknown" : formatBytes(bytes)}`,
    );
  }
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

const only = process.argv[2];
if (only === undefined || only === "planning") await benchPlanning();
if (only === undefined || only === "inventory") benchInventories();
if (only === undefined || only === "moves") await benchMoves();
if (only === undefined || only === "linting") benchLinting();
