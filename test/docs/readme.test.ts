import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cli } from "../cli/in-process.js";

/** The README's tour shows a playbook and its preview: those of the files that its command line names. */

const readme = readFileSync("README.md", "utf8").split("\n");

/** The indented block behind a line, without its indent. */
function blockAfter(isBefore: (line: string) => boolean): readonly string[] {
  const start = readme.findIndex(isBefore) + 1;
  expect(start, "the line before the block").toBeGreaterThan(0);
  const length = readme.slice(start).findIndex((line) => line !== "" && !line.startsWith("    "));
  return readme.slice(start, start + length).map((line) => line.slice(4)).filter((line) => line !== "");
}

test("the playbook is the file", () => {
  const file = readFileSync("playbooks/demo.yml", "utf8").trimEnd().split("\n");
  expect(blockAfter((line) => line === "A playbook, playbooks/demo.yml:")).toEqual(file);
});

test("the preview is what the command prints, apart from what is left out", async () => {
  const prompt = "    $ converge --check ";
  const command = readme.find((line) => line.startsWith(`${prompt}-i inventory/recorded.yml playbooks/demo.yml`)) ?? "";
  const shown = blockAfter((line) => line === command).filter((line) => !/^[ |]*…$/.test(line));
  expect(shown.length).toBeGreaterThan(40);

  const { exit, out } = await cli(["--check", ...command.slice(prompt.length).split(" ")], { real: true, columns: 80 });
  expect(exit).toBe(0);
  // in its order: each line is looked for behind the one before it
  let rest = out.split("\n");
  for (const line of shown) {
    const at = rest.indexOf(line);
    expect(at, line).toBeGreaterThanOrEqual(0);
    rest = rest.slice(at + 1);
  }
});
