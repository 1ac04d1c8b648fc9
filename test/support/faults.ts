import { readFileSync } from "node:fs";

/**
 * How many faults docs/reliability.md says that a suite injects, by the name in its row (`300 of deaths`). The suite
 * asks for it and fails where it injects fewer: so the page can not promise what is not done.
 */
export function faultsPromised(name: string): number {
  const row = new RegExp(`\\| (\\d+) of ${name} \\|`).exec(readFileSync("docs/reliability.md", "utf8"));
  if (row === null) throw new Error(`docs/reliability.md has no number of ${name}`);
  return Number(row[1]);
}
