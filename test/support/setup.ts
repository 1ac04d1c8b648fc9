import fc from "fast-check";
import { afterAll } from "vitest";
import { removeTempFolders } from "./temp-folder.js";

/**
 * Property tests draw from one seed, so that a red run is red for everybody and the tree stays green by what is in
 * it. `FC_SEED=random npm test` explores; a failure prints its seed, and `FC_SEED=<number>` repeats it.
 */
const asked = process.env["FC_SEED"];
if (asked !== "random") fc.configureGlobal({ seed: asked === undefined ? 20_261_122 : Number(asked) });

// several files share a process, and what one of them tells its stubs by way of the environment is nothing to the next
const environment = { ...process.env };

afterAll(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, environment);
  removeTempFolders();
});
