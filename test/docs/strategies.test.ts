import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PACKAGES } from "../../src/core/checks/missing-tool.js";
import { strategies } from "../../src/core/strategies/registry.js";
import type { Strategy } from "../../src/core/strategies/strategy.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { BLOCKS, FOLDER, pageText, planned, SCENES, SHOWN, toolsOfPage, withBlock } from "./strategy-pages.js";

/**
 * A page for each way to move a guest. Steps and choices in it are printed from plans. `UPDATE_GOLDEN=1 npx vitest run --project fast test/docs`
 * writes them anew: read the diff.
 */

const named = Object.values<Strategy>(strategies).filter((strategy) => strategy.named);
const pages = readdirSync(FOLDER).map((name) => name.replace(".md", ""));
const PARTS = ["## Step by step", "## What can go wrong", "## What it needs", "## How to undo it"];

/** What every Dom0 has: the guide to hosts says so. */
const EVERYWHERE = new Set(["coreutils", "diffutils", "findutils", "lvm2", "mount", "systemd", "util-linux", "xen-utils-common", "xenstore-utils"]);
const packages: Readonly<Record<string, string>> = PACKAGES;

describe("the pages about ways to move a guest", () => {
  test("are one for each strategy that a playbook may name, for auto, and for the switch-overs", () => {
    expect([...pages].sort()).toEqual([...named.map(({ name }) => name), "auto", "switch-overs"].sort());
  });

  test.each(pages)("%s says what happens, what can go wrong, what it needs and how to undo it", (page) => {
    const text = pageText(page);
    const at = (page === "auto" ? PARTS.slice(1) : PARTS).map((part) => text.indexOf(`\n${part}\n`));
    expect(at).not.toContain(-1);
    expect(at).toEqual([...at].sort((a, b) => a - b));
  });

  test.each(BLOCKS)("$page shows its $name as the code prints them", ({ page, name, text }) => {
    const now = withBlock(pageText(page), name, text());
    expect(now, `its place in the page: <!-- as the code prints it: ${name} -->, and a block of \`\`\`text after it`).toBeDefined();
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(`${FOLDER}/${page}.md`, now ?? "");
    expect(pageText(page), "UPDATE_GOLDEN=1 writes it anew: read the diff").toBe(now);
  });

  test("have no block that nothing is printed for", () => {
    const marked = pages.flatMap((page) => [...pageText(page).matchAll(/^<!-- as the code prints it: (.*) -->$/gm)].map(([, name = ""]) => `${page} ${name}`));
    expect(marked.sort()).toEqual(BLOCKS.map(({ page, name }) => `${page} ${name}`).sort());
  });

  test("show a guest for each strategy that a playbook may name (SCENES of strategy-pages.ts)", () => {
    expect([...SHOWN].sort()).toEqual(named.map(({ name }) => name).sort());
  });

  test.each(SHOWN)("show that a config is made of what the guest has where the strategy says that it takes the guest over: %s", (page) => {
    const takesOver = named.find(({ name }) => name === page)?.takesOver === true;
    expect(stepsOf(planned(SCENES[page]).nodes).some(({ kind }) => kind === "write-config")).toBe(takesOver);
  });

  test.each(SHOWN)("%s names the programs that its steps need", (page) => {
    const [, needs = ""] = pageText(page).split("\n## What it needs\n");
    const missing = [...toolsOfPage(page)].filter((tool) => !EVERYWHERE.has(packages[tool] ?? "") && !needs.includes(`\`${tool}\``));
    expect(missing).toEqual([]);
  });
});

describe("the page that helps to choose", () => {
  const guide = readFileSync("docs/guide/strategies.md", "utf8");
  const AUTO = { true: "yes", last: "last of all", false: "no" } as const;

  test.each(named)("has a row for $name that leads to its page, and says whether auto may choose it", ({ name, auto }) => {
    const row = guide.split("\n").find((line) => line.startsWith(`| [\`${name}\`](strategies/${name}.md) |`))?.split(" | ") ?? [];
    expect(row).toHaveLength(7);
    expect(row[5]).toBe(AUTO[String(auto) as keyof typeof AUTO]);
    expect(existsSync(`${FOLDER}/${name}.md`)).toBe(true);
  });

  test("has no row for what there is not", () => {
    const rows = [...guide.matchAll(/^\| \[`([a-z-]+)`\]\(strategies\//gm)].map(([, name = ""]) => name);
    expect(rows.sort()).toEqual([...named.map(({ name }) => name), "auto"].sort());
  });
});
