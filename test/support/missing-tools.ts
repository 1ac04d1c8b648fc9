import { missingTools } from "./tools.js";

/**
 * Runs once, around all fast tests: says what is skipped for want of which program. In CI (scripts/verify is CI)
 * nothing may be skipped for that reason: the run fails before its first test.
 * @returns what is said again at the end, where it is read
 */
export function setup(): (() => void) | undefined {
  if (missingTools.length === 0) return undefined;
  const packages = [...new Set(missingTools.map((tool) => tool.package))].join(" ");
  const lines = missingTools.map(({ command, shows }) => `  ${command}: ${shows}`);
  const install = `As root: apt-get install ${packages}`;
  if (![undefined, "", "0", "false"].includes(process.env["CI"])) {
    throw new Error(["Programs that the tests need are not installed. Without them there is no test of", ...lines, install].join("\n"));
  }
  const said = ["", "Skipped, as these programs are not installed:", ...lines, install, ""].join("\n");
  console.warn(said);
  return () => { console.warn(said); };
}
