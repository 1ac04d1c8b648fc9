import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import Ajv04 from "ajv-draft-04";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { validateXML } from "xmllint-wasm";
import type { LintReport } from "../../src/core/lint/lint.js";
import type { Diagnostic } from "../../src/core/model/diagnostic.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { lintReportGithub } from "../../src/core/render/lint-github.js";
import { lintReportJson, lintReportSchema } from "../../src/core/render/lint-json.js";
import { lintReportJunit } from "../../src/core/render/lint-junit.js";
import { lintReportSarif } from "../../src/core/render/lint-sarif.js";
import { renderLintText } from "../../src/core/render/lint-text.js";
import { plainStyle } from "../../src/core/render/style.js";
import { lintAll, textFiles } from "./project-files.js";

const FILES = {
  "hosts.yml": "xen:\n  hosts: { dom0a: }\n",
  "web sites/a%b,c:d.yml": "- hosts: xen\n  sereal: 1\n  domains: { web1: { disks: { xvda1: { volume: /dev/vg0/web1, size: 5MiB } } } }\n",
  "b.yml": "- hosts: xen\n  vars: { x<&>\": 1 }\n  Move: { downtime: 1s }\n",
  "c.yml": "- hosts: xen\n  vars: { spare: 1 }\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1, size: 5MiB } } } }\n",
};
const report = lintAll(textFiles(FILES), { paths: [".", "missing.yml"] });
const empty: LintReport = { findings: [], files: ["a.yml"], silenced: 0, mends: [] };

function view(of: LintReport = report): { readonly report: LintReport; readonly version: string } {
  return { report: of, version: "1.2.3" };
}

/** Reports with any text, in any place, that a file or a name may bring in. */
const anyReport = fc.array(
  fc.record({ file: fc.string({ unit: "binary", minLength: 1 }), text: fc.string({ unit: "binary" }), summary: fc.string({ unit: "binary" }), at: fc.nat(), length: fc.nat(5) }),
  { maxLength: 5 },
).map((all): LintReport => ({
  files: all.map(({ file }) => file), silenced: 0, mends: [],
  findings: all.map(({ file, text, summary, at, length }): Diagnostic => {
    const start = at % (text.length + 1);
    const end = Math.min(text.length, start + length);
    return { severity: "error", code: "rounded-size", summary, at: { source: { file, text }, start, end }, edits: [{ start, end, text: summary }] };
  }),
}));

test("the report has errors and warnings, with a place and without, with edits and without", () => {
  expect(report.findings.map(({ code }) => code)).toEqual(["file-missing", "unused-variable", "unknown-key", "unused-variable", "rounded-size", "unknown-key"]);
  expect(report.findings.filter(({ edits }) => edits !== undefined)).toHaveLength(1);
});

describe("text", () => {
  const lines = renderLintText(view(), plainStyle, (diagnostics) => renderDiagnostics(diagnostics).trimEnd().split("\n"));

  test("is grouped by file, summed up, and 80 columns wide", async () => {
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("formats/report.txt");
    for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(80);
  });

  test("says that nothing was found", () => {
    expect(renderLintText(view(empty), plainStyle, () => [])).toEqual(["Nothing found in 1 file"]);
  });
});

describe("json", () => {
  const validate = new Ajv({ strict: true }).compile(lintReportSchema);

  test("is as its schema says", async () => {
    expect(validate(lintReportJson(view())), JSON.stringify(validate.errors)).toBe(true);
    await expect(`${JSON.stringify(lintReportJson(view()), null, 2)}\n`).toMatchFileSnapshot("formats/report.json");
  });

  test("and so is any", () => {
    fc.assert(fc.property(anyReport, (any) => { expect(validate(lintReportJson(view(any)))).toBe(true); }));
  });

  test("the schema finds what is wrong", () => {
    expect(validate({ ...lintReportJson(view()), version: 2 })).toBe(false);
  });
});

describe("sarif", () => {
  const schema = JSON.parse(readFileSync("test/lint/schemas/sarif-2.1.0-rtm.5.json", "utf8")) as object;
  const canParse = (text: string): boolean => URL.canParse(text);
  const validate = new Ajv04.default({
    strict: false, unicodeRegExp: false, formats: { uri: canParse, "uri-reference": (text) => URL.canParse(text, "https://x/"), "date-time": true },
  }).compile(schema);

  test("is valid against the published schema", async () => {
    const sarif = lintReportSarif(view());
    expect(validate(sarif), JSON.stringify(validate.errors)).toBe(true);
    expect(validate(lintReportSarif(view(empty)))).toBe(true);
    await expect(`${JSON.stringify(sarif, null, 2)}\n`).toMatchFileSnapshot("formats/report.sarif");
  });

  test("and so is any", () => {
    fc.assert(fc.property(anyReport, (any) => { expect(validate(lintReportSarif(view(any))), JSON.stringify(validate.errors)).toBe(true); }));
  });

  test("the schema finds what is wrong", () => {
    expect(validate({ ...lintReportSarif(view()), version: "2.0.0" })).toBe(false);
  });
});

describe("junit", () => {
  const schema = readFileSync("test/lint/schemas/jenkins-junit.xsd", "utf8");
  const validity = async (lines: readonly string[]): Promise<string> => {
    const { valid, errors } = await validateXML({ xml: { fileName: "report.xml", contents: lines.join("\n") }, schema });
    return valid ? "" : JSON.stringify(errors);
  };

  test("is valid against the published schema", async () => {
    const lines = lintReportJunit(view());
    expect(await validity(lines)).toBe("");
    expect(await validity(lintReportJunit(view(empty)))).toBe("");
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("formats/report.xml");
  });

  test("and so is any", { tags: "long" }, async () => {
    await fc.assert(fc.asyncProperty(anyReport, async (any) => { expect(await validity(lintReportJunit(view(any)))).toBe(""); }), { numRuns: 15 });
  });

  test("the schema finds what is wrong", async () => {
    expect(await validity(["<testsuites><testcase/></testsuites>"])).not.toBe("");
  });
});

describe("github", () => {
  /** As the runner reads a command: `::name key=value,…::message`, with the escapes taken back. */
  function read(line: string): { command: string; properties: Record<string, string>; message: string } {
    const match = /^::(error|warning|notice) ((?:[a-zA-Z]+=[^:,\r\n]*)(?:,[a-zA-Z]+=[^:,\r\n]*)*)::([^\r\n]*)$/.exec(line);
    if (match === null) throw new Error(`no command: ${line}`);
    const plain = (text: string): string => text.replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
    const properties = (match[2] ?? "").split(",").map((pair) => [pair.slice(0, pair.indexOf("=")), plain(pair.slice(pair.indexOf("=") + 1))] as const);
    return { command: match[1] ?? "", properties: Object.fromEntries(properties), message: plain(match[3] ?? "") };
  }

  test("is one workflow command a finding", async () => {
    const lines = lintReportGithub(view());
    expect(lines.map(read).map(({ command, properties }) => `${command} ${properties["file"] ?? ""}:${properties["line"] ?? ""}:${properties["col"] ?? ""}`))
      .toEqual(["error ::", "warning b.yml:2:11", "error b.yml:3:3", "warning c.yml:2:11", "warning c.yml:3:64", "error web sites/a%b,c:d.yml:2:3"]);
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("formats/report.github.txt");
  });

  test("and nothing that is read in can make another command", () => {
    fc.assert(fc.property(anyReport, (any) => {
      const lines = lintReportGithub(view(any));
      expect(lines.map(read).map(({ properties, message }) => [properties["file"], message.split("\n")[0]]))
        .toEqual(any.findings.map(({ at, summary }) => [at?.source.file, summary.split("\n")[0]]));
    }));
  });
});
