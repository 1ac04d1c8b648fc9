import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

/** Every relative link of every Markdown file leads somewhere, down to the heading. */

const SKIPPED = new Set(["node_modules", "dist", "coverage", ".git"]);

function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

/** Without code, where brackets are no links. */
function prose(text: string): string {
  return text.replace(/^```[^]*?^```/gm, "").replace(/^(?: {4}|\t).*$/gm, "").replace(/`[^`\n]*`/g, "");
}

/** GitHub's name for a heading: lower case, marks away, blanks to hyphens. */
function anchor(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
}

function anchorsOf(path: string): ReadonlySet<string> {
  const text = readFileSync(path, "utf8").replace(/^```[^]*?^```/gm, "");
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1] ?? "")));
}

describe("links", () => {
  test.each(markdownFiles("."))("of %s lead somewhere", (file) => {
    const broken: string[] = [];
    for (const [, target = ""] of prose(readFileSync(file, "utf8")).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", heading] = target.split("#");
      const full = path === "" ? file : join(dirname(file), decodeURIComponent(path));
      if (!existsSync(full)) broken.push(target);
      else if (heading !== undefined && full.endsWith(".md") && !anchorsOf(full).has(heading)) broken.push(target);
    }
    expect(broken).toEqual([]);
  });
});
