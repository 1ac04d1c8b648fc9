import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import type { Readings } from "../../src/core/facts/readings.js";
import type * as Observing from "../../src/core/observe/observe.js";
import type * as Planning from "../../src/core/plan/plan-host.js";
import { lintAll, textFiles } from "./project-files.js";

/** A mistake of converge's own about one recording: the others have nothing to do with it. */

const spoilt = vi.hoisted(() => ({ what: "" }));

vi.mock("../../src/core/observe/observe.js", async (original) => {
  const real = await original<typeof Observing>();
  return {
    ...real,
    observe: (...args: Parameters<typeof real.observe>) => {
      if (spoilt.what === "observe" && args[0].host === "dom0a") throw new TypeError("volumes are not iterable");
      return real.observe(...args);
    },
  };
});

vi.mock("../../src/core/plan/plan-host.js", async (original) => {
  const real = await original<typeof Planning>();
  return {
    ...real,
    planHost: (...args: Parameters<typeof real.planHost>) => {
      if (spoilt.what === "plan" && args[0].host.name === "dom0a") throw new TypeError("volumes are not iterable");
      return real.planHost(...args);
    },
  };
});

const results = JSON.parse(readFileSync("test/observe/recorded/lab-web1-running.json", "utf8")) as Readings;
const recorded = (host: string): string => `${JSON.stringify({ converge: "recording", ...results, host }, null, 1)}\n`;

const FILES = {
  "hosts.yml": "xen: { hosts: { dom0a: , dom0b: } }\n",
  "web.yml": "- hosts: xen\n  domains: { web1: { disks: { xvda1: { volume: \"vg0/{{ inventory_hostname }}\", size: 1MiB } } } }\n",
  "facts/dom0a.json": recorded("dom0a"), "facts/dom0b.json": recorded("dom0b"),
};

const told = (what: string) => {
  spoilt.what = what;
  const { findings, files } = lintAll(textFiles(FILES));
  expect(files).toContain("facts/dom0b.json");
  return findings.map(({ severity, code, summary, at, detail }) => [`${at?.source.file ?? ""}: ${severity}[${code}]: ${summary}`, detail] as const);
};

describe("a mistake of converge's own about one recording", () => {
  test.each([
    ["while it is read", "observe", "facts/dom0a.json: error[internal-error]: converge has made a mistake of its own about dom0a: volumes are not iterable"],
    ["while it is planned for", "plan", "web.yml: error[refused-on-facts]: converge has made a mistake of its own about dom0a: volumes are not iterable (internal-error)"],
  ])("%s is told of its host, and where it happened; the others are looked at", (_, what, mistake) => {
    const findings = told(what);
    const [, detail] = findings.find(([one]) => one === mistake) ?? [];
    expect(detail, findings.map(([one]) => one).join("\n")).toMatch(/own-mistake\.test\.ts:\d+:\d+/);
    const rest = findings.map(([one]) => one).filter((one) => one !== mistake);
    expect(rest).toContainEqual(expect.stringContaining("vg0/dom0b would have 4 MiB"));
    expect(rest).not.toContainEqual(expect.stringContaining("internal-error"));
  });
});
