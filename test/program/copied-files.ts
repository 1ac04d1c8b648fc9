import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import type { Shell } from "./host.js";

/** Folders of real files that real copies are made of, by the runtime's own verbs, and the books of a run beside them. */
export interface CopiedFiles {
  readonly home: string;
  readonly source: string;
  readonly target: string;
  /** Where no copy has anything to do. */
  readonly outside: string;
  /** The runtime, with those books. */
  readonly runtime: string;
}

/** @param scratch where they are made; who makes that removes it */
export function copiedFiles(scratch: string, shell: Shell): CopiedFiles {
  const home = mkdtempSync(join(scratch, `${shell.replaceAll(" ", "-")}-`));
  const [source, target, outside, here] = ["source", "tar get", "outside", "books/guest/1"].map((name) => join(home, name)) as [string, string, string, string];
  for (const path of [source, target, outside, join(here, "out"), join(here, "copies")]) mkdirSync(path, { recursive: true });
  return { home, source, target, outside, runtime: RUNTIME.replace("HERE=$(cd", `HERE='${here}' # $(cd`) };
}
