import { describe, expect, it } from "vitest";
import { lineColumn } from "../../src/core/model/source.js";
import { parseXlConfig, printXlConfig } from "../../src/core/xl/parse.js";
import { processorMs } from "../support/processor.js";

/** What a user is told: text, then code, place (line:column) and a part of the summary of each complaint. */
const COMPLAINTS: readonly (readonly [text: string, ...complaints: string[]])[] = [
  ["a = 1\r\nb = 2\r\nc = 3\r\n", "xl-line-ending 1:6 Windows line endings"],
  ["\uFEFFa = 1\n", "xl-bom 1:1 byte-order mark"],
  ["a = 1\n# end", "xl-comment 2:1 without a newline"],
  ["a = 1 # end", "xl-comment 1:7 without a newline"],
  ["a = 'x' \\\n  'y'\n", "xl-character 1:9 continuation"],
  ["a = '''x'''\n", "xl-string 1:7 triple quotes"],
  ['a = """x"""\n', "xl-string 1:7 triple quotes"],
  ["a = 'x' 'y'\n", "xl-string 1:9 side by side"],
  ["a = [ 'x' 'y' ]\nb = True\n", "xl-list 1:11 comma is missing", "xl-value 2:5 'True' is a bare word"],
  ['a = "x" + "y"\n', "xl-value 1:9 does not compute"],
  ['a = "x\ny"\n', "xl-string 1:5 not closed on its line"],
  ["a = False\n", "xl-value 1:5 'False' is a bare word"],
  ["a = pygrub\n", "xl-value 1:5 'pygrub' is a bare word"],
  ["memory = 10G\n", "xl-value 1:10 takes no units"],
  ["memory = [ 10G ]\n", "xl-value 1:12 takes no units"],
  ["a = 1.5\n", "xl-value 1:5 no fractions"],
  ["a = -1\n", "xl-value 1:5 no negative numbers"],
  ["A = 1\nb = 1\n", "xl-character 1:1 nothing that an xl config can hold"],
  ["a-b = 1\n", "xl-statement 1:1 'a-b' is no key"],
  ["import os\n", "xl-statement 1:1 'import' stands without a value"],
  ["a\n= 1\n", "xl-statement 1:1 stands without a value"],
  ["a =\n1\n", "xl-value 1:4 a value is missing"],
  ["a = 1 b = 2\n", "xl-statement 1:7 cannot stand behind a value"],
  ["a = [ 1,, 2 ]\n", "xl-list 1:9 two commas"],
  ["a = [ , ]\n", "xl-list 1:7 cannot begin with a comma"],
  ["a = [ 1; 2 ]\n", "xl-list 1:8 cannot stand here"],
  ["disk = [ 'x',\nmemory = 5\n", "xl-list 1:8 never closed"],
  ["disk = [ 'x'", "xl-list 1:8 never closed"],
  ["a = 'x'\na += [ 1 ]\n", "xl-add 2:1 cannot be added"],
  ['a = "C:\\q"\n', "xl-escape 1:8 unknown escape '\\q'"],
  ["a = 'x\\012y'\n", "xl-escape 1:7 drops the escape '\\012'"],
  ["a = 1'", "xl-string 1:6 not closed"],
  [`a = ${"[".repeat(200)}\n`, "xl-list 1:105 nested"],
];

describe("complaints", () => {
  it.each(COMPLAINTS)("%j", (text, ...expected) => {
    const { diagnostics } = parseXlConfig({ file: "web1.cfg", text });
    const told = diagnostics.map(({ code, at, summary }) => {
      const { line, column } = lineColumn(text, at?.start ?? -1);
      return `${code} ${line}:${column} ${summary}`;
    });
    expect(told).toHaveLength(expected.length);
    for (const [i, complaint] of expected.entries()) {
      const [, code, place, summary] = /^(\S+) (\S+) (.*)$/.exec(complaint) ?? [];
      expect(told[i]).toContain(`${code} ${place} `);
      expect(told[i]).toContain(summary);
    }
  });

  it("come in a number that can be read", () => {
    const { value, diagnostics } = parseXlConfig({
      file: "noise",
      text: "A = b\n".repeat(1000) + "a = b\n".repeat(1000),
    });
    expect(value).toBeUndefined();
    expect(diagnostics.length).toBeLessThanOrEqual(50);
  });
});

describe("the tree", () => {
  it("has the place of every value", () => {
    const text = "a = [ 'x', # one\n 0x2 ]; b += \"é\\n\"\n";
    const config = parseXlConfig({ file: "f", text }).value;
    expect(config?.statements).toEqual([
      {
        key: "a",
        operator: "=",
        start: 0,
        keyEnd: 1,
        value: {
          kind: "list",
          start: 4,
          end: 23,
          items: [
            { kind: "string", start: 6, end: 9, quote: "'", value: "x" },
            { kind: "number", start: 18, end: 21, value: "0x2" },
          ],
        },
      },
      {
        key: "b",
        operator: "+=",
        start: 25,
        keyEnd: 26,
        value: { kind: "string", start: 30, end: 35, quote: '"', value: "é\n" },
      },
    ]);
    expect(config === undefined ? "" : printXlConfig(config)).toBe(text);
  });

  it("is made in linear time, without deep calls", () => {
    const started = processorMs();
    for (const piece of ["[", "a=1;", "'", "a=[1,", "# x\n", "a += 'x'\n", "\\", "((((", "a b\n", "'\\"]) {
      parseXlConfig({ file: "f", text: piece.repeat(200_000) });
    }
    expect(processorMs() - started).toBeLessThan(20_000);
  });
});
