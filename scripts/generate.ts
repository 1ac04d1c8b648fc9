import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { embedRuntime } from "./embed-runtime.js";
import { registries } from "./registries.js";

/** Writes every generated file anew: `npm run generate`. */
const root = fileURLToPath(new URL("../../", import.meta.url));
for (const [path, text] of [...registries(root), ...embedRuntime(root)]) writeFileSync(join(root, path), text);
