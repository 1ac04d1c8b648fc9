import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { rules } from "../../src/core/lint/rules/registry.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { fixtureFiles, lintAll, textFiles } from "./project-files.js";

/** A rule's fixtures: folders `bad…`, with what is said about each in `expected.txt`, and folders `good…`. */

const here = join(import.meta.dirname, "rules");
const sources = readdirSync("src/core/lint/rules").filter((name) => name !== "registry.ts").map((name) => name.replace(/\.ts$/, ""));

describe("rules", () => {
  test("are all of the files in their folder, by their names", () => {
    expect(Object.keys(rules)).toEqual([...sources].sort());
    expect(Object.values(rules).map((rule) => rule.name)).toEqual(Object.keys(rules));
  });

  test("have every folder of fixtures for themselves", () => {
    expect(readdirSync(here).sort()).toEqual(Object.keys(rules));
  });
});

describe.each(Object.keys(rules))("%s", (name) => {
  const cases = existsSync(join(here, name)) ? readdirSync(join(here, name)).sort() : [];

  test("has a case that it finds, and one that it does not", () => {
    expect(cases.some((one) => one.startsWith("bad")), `a folder test/lint/rules/${name}/bad`).toBe(true);
    expect(cases.some((one) => one.startsWith("good")), `a folder test/lint/rules/${name}/good`).toBe(true);
    expect(cases.filter((one) => !/^(bad|good)(-|$)/.test(one))).toEqual([]);
  });

  test.each(cases.filter((one) => one.startsWith("bad")))("%s", async (one) => {
    const folder = join(here, name, one);
    const { findings } = lintAll(fixtureFiles(folder));
    expect(findings.map(({ code }) => code)).toContain(name);
    for (const { at } of findings) expect(at, "every finding has its place").toBeDefined();
    await expect(renderDiagnostics(findings)).toMatchFileSnapshot(join(folder, "expected.txt"));
  });

  test.each(cases.filter((one) => one.startsWith("good")))("%s", (one) => {
    const { findings } = lintAll(fixtureFiles(join(here, name, one)));
    expect(renderDiagnostics(findings.filter(({ code, severity }) => code === name || severity === "error"))).toBe("");
  });
});

const PAGES = "docs/lint";
/** What a page's example calls `dom0.json`. */
const RECORDING = "test/observe/recorded/lab-web1-running.json";

/** The files of an example: a path in backticks and a colon, then its text, indented. */
function exampleIn(page: string, heading: string): Record<string, string> {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const files = [...section.matchAll(/^`([^`\n]+)`:\n\n((?: {4}.*\n|\n(?= {4}))+)/gm)];
  return Object.fromEntries(files.map(([, path = "", text = ""]) => [path, text.replace(/^ {4}/gm, "")]));
}

function lintExample(page: string, heading: string): ReturnType<typeof lintAll> {
  const { "modes.json": modes, ...texts } = exampleIn(page, heading);
  if (Object.values(texts).some((text) => text.includes("dom0.json"))) texts["dom0.json"] = readFileSync(RECORDING, "utf8");
  const octal = Object.entries(modes === undefined ? {} : (JSON.parse(modes) as Record<string, string>));
  const folder = textFiles(texts, Object.fromEntries(octal.map(([path, mode]) => [path, Number.parseInt(mode, 8)])));
  return lintAll(folder);
}

describe("pages about rules", () => {
  test("are there for every rule, and the list names each", () => {
    const pages = readdirSync(PAGES).filter((name) => name !== "README.md").map((name) => name.replace(/\.md$/, ""));
    expect(pages.sort()).toEqual(Object.keys(rules));
    const list = readFileSync(join(PAGES, "README.md"), "utf8");
    expect([...list.matchAll(/\]\(([a-z-]+)\.md\)/g)].map((match) => match[1])).toEqual(Object.keys(rules));
  });

  describe.each(Object.values(rules))("$name", ({ name, about }) => {
    const path = join(PAGES, `${name}.md`);
    const page = existsSync(path) ? readFileSync(path, "utf8") : "";

    test("says what the rule says of itself, and has its parts", () => {
      expect(page.startsWith(`# ${name}\n`)).toBe(true);
      expect(page.replace(/\s+/g, " ")).toContain(about);
      for (const part of ["What is seen", "Why", "What to do", "Bad", "Good"]) expect(page).toContain(`\n## ${part}\n`);
      expect(page.split("\n").filter((line) => line.length > 110)).toEqual([]);
    });

    test("shows what is really seen in its bad example", () => {
      const { findings } = lintExample(page, "Bad");
      expect(findings.map(({ code }) => code)).toContain(name);
      const seen = (page.split(/^## /m).find((part) => part.startsWith("What is seen")) ?? "").split("\n")
        .filter((line) => line.startsWith("    ")).map((line) => line.slice(4)).join("\n");
      expect(renderDiagnostics(findings)).toContain(seen);
    });

    test("finds nothing in its good example", () => {
      const { findings, files } = lintExample(page, "Good");
      expect(files.length).toBeGreaterThan(0);
      expect(renderDiagnostics(findings.filter(({ code, severity }) => code === name || severity !== "note"))).toBe("");
    });
  });
});
