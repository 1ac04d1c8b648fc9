import { readFileSync } from "node:fs";

let known: string | undefined;

/** Version of converge, from its package.json: the nearest one above this file, built or not. */
export function toolVersion(): string {
  for (let up = "../"; known === undefined && up.length < 30; up += "../") {
    try {
      const found = JSON.parse(readFileSync(new URL(`${up}package.json`, import.meta.url), "utf8")) as { name?: string; version?: string };
      if (found.name === "converge") known = found.version;
    } catch {
      // not in this folder: look one higher
    }
  }
  return known ?? "unknown";
}
