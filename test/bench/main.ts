import { compareMoves } from "./move.js";
import { planMany } from "./planning.js";

/** `npm run bench`: ratios measured side by side in one run. Absolute times are this machine's, on this day. */

const GUESTS = 20;

planMany(20, GUESTS, true); // warm up
console.log("planning: from what commands printed to simulated, checked plans\n");
console.log("  to do             hosts   guests   observe    plan       per host");
for (const moving of [false, true]) {
  const small = planMany(100, GUESTS, moving);
  const large = planMany(400, GUESTS, moving);
  for (const t of [small, large]) {
    const total = t.observeSeconds + t.planSeconds;
    console.log(
      `  ${(moving ? "a move per guest" : "nothing").padEnd(16)}  ${String(t.hosts).padEnd(7)} ${String(t.hosts * t.guests).padEnd(8)} ` +
        `${t.observeSeconds.toFixed(2).padStart(5)} s   ${t.planSeconds.toFixed(2).padStart(6)} s   ${((total / t.hosts) * 1000).toFixed(2)} ms`,
    );
  }
  const growth = (large.observeSeconds + large.planSeconds) / (small.observeSeconds + small.planSeconds);
  console.log(`  four times the hosts take ${growth.toFixed(2)} times as long (4.00 is linear)\n`);
}

console.log("the rsync move of a running guest in the lab, beside a plain script of the same steps (one boot, one guest)\n");
const { converge, script } = await compareMoves();
const row = (what: string, a: number, b: number): string =>
  `  ${what.padEnd(10)} ${a.toFixed(1).padStart(8)} s ${b.toFixed(1).padStart(8)} s   ${(a / b).toFixed(2)}`;
console.log("             converge     script   ratio");
console.log(row("total", converge.total, script.total));
console.log(row("downtime", converge.downtime, script.downtime));
