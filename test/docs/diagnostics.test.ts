import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checks } from "../../src/core/checks/registry.js";
import { diagnosticCodes } from "./codes.js";

/** Every code has its page, and every page its code. */

const FOLDER = "docs/diagnostics";
const uses = diagnosticCodes("src");
const codes = new Set(uses.map((use) => use.code));
const pages = readdirSync(FOLDER).filter((name) => name.endsWith(".md") && name !== "README.md").map((name) => name.slice(0, -3));
const PARTS = ["## What is seen", "## Why", "## What to do"];

describe("the pages about diagnostics", () => {
  test("the scan finds codes in every way that they are made", () => {
    for (const code of ["unknown-key", "duplicate-key", "ready-twice", "bad-usage", "template-type", "xl-value", "host-key"]) {
      expect(codes, code).toContain(code);
    }
    for (const code of Object.keys(checks)) expect(codes, "a check").toContain(code);
  });

  test("a code is kebab case", () => {
    expect([...codes].filter((code) => !/^[a-z]+\d*(-[a-z0-9]+)*$/.test(code))).toEqual([]);
  });

  test("every code has a page", () => {
    const missing = uses.filter(({ code }) => !pages.includes(code)).map(({ code, file }) => `${code} (${file})`);
    expect([...new Set(missing)], `they are to have one in ${FOLDER}`).toEqual([]);
  });

  test("every page has a code", () => {
    expect(pages.filter((page) => !codes.has(page))).toEqual([]);
  });

  test.each(pages)("%s says what is seen, why, and what to do, in few lines", (page) => {
    const text = readFileSync(`${FOLDER}/${page}.md`, "utf8");
    expect(text.startsWith(`# ${page}\n`)).toBe(true);
    for (const part of PARTS) expect(text).toContain(`\n${part}\n`);
    expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
    expect(text.split("\n").filter((line) => line.length > 110)).toEqual([]);
  });

  test("the list of all names each page once", () => {
    const list = readFileSync(`${FOLDER}/README.md`, "utf8");
    expect([...list.matchAll(/\]\(([a-z0-9-]+)\.md\)/g)].map((match) => match[1]).sort()).toEqual([...pages].sort());
  });
});
