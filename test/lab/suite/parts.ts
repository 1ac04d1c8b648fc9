/**
 * `npm run test:lab` has this suite in parts, and runs as many of them as its minutes are enough for (scripts/test-lab, ADR 50). The
 * base is in each run: a move by files and a reboot, the two faults that say most, and the power cut. A file may be in several
 * parts, each of which boots its lab anew, so what needs what a test before it left is in the same part.
 */
export const PARTS = {
  base: "a saved plan, faults before the switch and in it, a power cut",
  1: "dm with a suspension, DRBD, writes in place",
  2: "QEMU, a live migration, the power going while a guest is down",
  3: "md, md with blocks copied beforehand, a guest that ignores the shutdown request",
  4: "a connection that is cut, a controller that is killed, a guest that is down, budgets",
} as const;

/** `npm run test:lab:all`: all of it in one run, with much that is in no part. */
export const everything = process.env["LAB_ALL"] === "1";

/** Whether a run has what is in that part. One of no part (LAB_PART), as vitest itself is called, has them all. */
export function inPart(part: keyof typeof PARTS): boolean {
  const asked = process.env["LAB_PART"];
  if (asked !== undefined && !(asked in PARTS)) throw new Error(`LAB_PART=${asked}: there are ${Object.keys(PARTS).join(", ")}`);
  return everything || asked === undefined || asked === String(part);
}
