import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

/** What was worth keeping of earlier runs: inputs that reached something new, and those that broke something once. */

const FOLDER = "test/fuzz/corpus";

export function corpusOf(target: string): readonly { readonly name: string; readonly input: Uint8Array }[] {
  const folder = `${FOLDER}/${target}`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).sort().map((name) => ({ name, input: new Uint8Array(readFileSync(`${folder}/${name}`)) }));
}

/** @returns where it is kept: one input has one name */
export function keep(target: string, input: Uint8Array, kind: "reaches" | "broke"): string {
  const folder = `${FOLDER}/${target}`;
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${kind}-${createHash("sha256").update(input).digest("hex").slice(0, 16)}`;
  writeFileSync(path, input);
  return path;
}
