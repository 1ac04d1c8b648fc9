import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Readings } from "../../src/core/facts/readings.js";
import { facts } from "../../src/core/facts/registry.js";
import { rsync } from "../../src/core/strategies/rsync.js";
import { lintAll, textFiles } from "./project-files.js";

/** A mistake of converge's own about one recording: the others have nothing to do with it. */

afterEach(() => {
  vi.restoreAllMocks();
});

const mistake = (): never => {
  throw new TypeError("volumes are not iterable");
};

/** In dom0a's recording alone there are mounts of this kind. */
const MARK = "# dom0a";

const SPOIL: Readonly<Record<"read" | "planned", () => void>> = {
  read: () => {
    const parse = facts.mounts.parse.bind(facts.mounts);
    vi.spyOn(facts.mounts, "parse").mockImplementation((result) => (result.stdout.includes(MARK) ? mistake() : parse(result)));
  },
  planned: () => {
    const fits = rsync.fits.bind(rsync);
    vi.spyOn(rsync, "fits").mockImplementation((move, state) => (state.host.name === "dom0a" ? mistake() : fits(move, state)));
  },
};

const results = JSON.parse(readFileSync("test/observe/recorded/lab-web1-running.json", "utf8")) as Readings & {
  readonly results: Readonly<Record<"mounts", { readonly stdout: readonly string[] }>>;
};
const { mounts } = results.results;

function recorded(host: string, also: readonly string[] = []): string {
  const marked = { ...results.results, mounts: { ...mounts, stdout: [...also, ...mounts.stdout] } };
  return `${JSON.stringify({ converge: "recording", ...results, results: marked, host }, null, 1)}\n`;
}

const FILES = {
  "hosts.yml": "xen: { hosts: { dom0a: , dom0b: } }\n",
  "web.yml": "- hosts: xen\n  domains: { web1: { disks: { xvda1: { volume: \"vg0/{{ inventory_hostname }}\", size: 1MiB } } } }\n",
  "facts/dom0a.json": recorded("dom0a", [MARK]), "facts/dom0b.json": recorded("dom0b"),
};

describe("a mistake of converge's own about one recording", () => {
  test.each([
    ["read", "facts/dom0a.json: error[internal-error]: converge has made a mistake of its own about dom0a: volumes are not iterable"],
    ["planned", "web.yml: error[refused-on-facts]: converge has made a mistake of its own about dom0a: volumes are not iterable (internal-error)"],
  ] as const)("while it is %s is told of its host, and where it happened; the others are looked at", (when, said) => {
    SPOIL[when]();
    const report = lintAll(textFiles(FILES));
    expect(report.files).toContain("facts/dom0b.json");
    const findings = report.findings.map(({ severity, code, summary, at, detail }) => [`${at?.source.file ?? ""}: ${severity}[${code}]: ${summary}`, detail] as const);
    const all = findings.map(([one]) => one);
    expect(all).toContain(said);
    expect(findings.find(([one]) => one === said)?.[1]).toMatch(/own-mistake\.test\.ts:\d+:\d+/);
    const rest = all.filter((one) => one !== said);
    expect(rest).toContainEqual(expect.stringContaining("vg0/dom0b would have 4 MiB"));
    expect(rest).not.toContainEqual(expect.stringContaining("internal-error"));
  });
});
