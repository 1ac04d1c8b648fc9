import { existsSync, readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";

/** Every line of these pages names the test that holds it, and the test is there under that name. */

const PROMISES = ["docs/security.md", "docs/reliability.md"];
/** Here a line may say as well that no test holds it. */
const GUIDES = readdirSync("docs/guide/strategies").map((name) => `docs/guide/strategies/${name}`);
const UNSHOWN = "not shown by a test";

interface Line {
  readonly page: string;
  readonly promise: string;
  readonly held: string;
}

function linesOf(page: string): readonly Line[] {
  const rows = readFileSync(page, "utf8").split("\n").map((row) => row.split(" | "));
  let isTable = false;
  return rows.flatMap((cells): readonly Line[] => {
    const last = cells.at(-1) ?? "";
    if (/^held by\b/.test(last)) isTable = true;
    else if (cells.length < 2) isTable = false;
    const isRow = isTable && cells.length > 1 && !/^held by\b|^-+ \|$/.test(last) && !last.includes("---");
    return isRow ? [{ page, promise: (cells[0] ?? "").replace(/^\| /, ""), held: last }] : [];
  });
}

const lines = [...PROMISES, ...GUIDES].filter((page) => existsSync(page)).flatMap(linesOf);

describe("promises", () => {
  test("are found", () => {
    for (const page of GUIDES) expect(lines.filter((line) => line.page === page).length, page).toBeGreaterThan(4);
    for (const page of PROMISES) expect(lines.filter((line) => line.page === page).length, page).toBeGreaterThan(10);
  });

  test.each(lines)("$page: $promise", ({ page, held }) => {
    if (GUIDES.includes(page) && held === `${UNSHOWN} |`) return;
    let text: string | undefined;
    let named = 0;
    for (const [, path, title] of held.matchAll(/`([^`]+\.(?:ts|sh|py))`|"([^"]+)"/g)) {
      if (path !== undefined) {
        expect(existsSync(path), path).toBe(true);
        text = readFileSync(path, "utf8");
        named += 1;
      } else if (title !== undefined) {
        expect(text, "a title stands behind its file").toBeDefined();
        expect(text, title).toContain(title);
      }
    }
    expect(named, "a test is named").toBeGreaterThan(0);
  });
});

test("a number of faults is asked for by a test: it fails where it injects fewer", () => {
  const names = [...readFileSync("docs/reliability.md", "utf8").matchAll(/\| \d+ of ([a-z-]+) \|(.*)/g)];
  expect(names.length).toBeGreaterThan(5);
  for (const [, name = "", rest = ""] of names) {
    const [, path = ""] = /`([^`]+)`/.exec(rest) ?? [];
    expect(readFileSync(path, "utf8"), name).toContain(`faultsPromised("${name}")`);
  }
});
