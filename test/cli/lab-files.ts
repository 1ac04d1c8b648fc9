import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "../support/temp-folder.js";

/** Files for a test, in a folder that is removed afterwards; their paths. */
export function tempFiles<T extends string>(files: Readonly<Record<T, string>>): { readonly [name in T]: string } & { readonly dir: string } {
  const dir = tempFolder("cli");
  const paths: Record<string, string> = { dir };
  for (const [name, text] of Object.entries<string>(files)) {
    paths[name] = join(dir, name);
    writeFileSync(join(dir, name), text);
  }
  return paths as { readonly [name in T]: string } & { readonly dir: string };
}
