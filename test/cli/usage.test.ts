import { describe, expect, test, vi } from "vitest";
import { endWithoutOutput } from "../../src/edge/terminal/console.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const files = tempFiles({
  "inventory.yml": "all:\n  hosts:\n    dom0a:\n",
  "broken.yml": "- hosts: dom0a\n  domains:\n    web1:\n      disks:\n        xvda1: { volume: vg0/web1, filesytem: ext4 }\n",
});

describe("mistakes on the command line", () => {
  test.each([
    [["--chek", "x.yml"], "Did you mean --check?"],
    [["plan", "--yes", "x.yml"], "'converge plan' has no such option, other commands have it."],
    [["status", "--chek"], "Did you mean --check? Try: converge status --help"],
    [["aply"], "did you mean 'apply'?"],
    [["-i", files["inventory.yml"], "plan", "x.yml"], "it goes first"],
    [["--check", "missing.yml"], "there is no file 'missing.yml'"],
    [["--check", files.dir], "it is a folder"],
    [["--forks", "none", "x.yml"], "whole number"],
    [["apply"], "missing required argument"],
    [["--out", "plan.json", "x.yml"], "--out saves a plan, and belongs to --check"],
    [["--detailed-exitcode", "x.yml"], "belongs to --check"],
    [["--json", files["broken.yml"]], "asks no questions"],
    [["attach", "-i", files["inventory.yml"], "dom0z", "web1"], "no host and no group is called 'dom0z'"],
    [["--check", "-K", "-i", files["inventory.yml"], files["broken.yml"]], "no terminal to ask on"],
  ])("%j", async (argv, words) => {
    const { exit, out, err } = await cli(argv);
    expect(exit).toBe(1);
    expect(`${out}${err}`.replace(/\s+/g, " ")).toContain(words);
    expect(err).not.toMatch(/^ {4}at /m);
  });

  test.each([[["--json", "--foo"], "unknown option"], [["log", "--json", "dom0"], "missing required argument"], [["--json"], "missing required argument"]])("%j is told as the events are", async (argv, words) => {
    const { exit, out, err } = await cli(argv);
    expect(exit).toBe(1);
    expect(err).toBe("");
    const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([{ type: "diagnostic", code: "bad-usage", summary: expect.stringContaining(words) as unknown }, { type: "end", exit: 1 }]);
  });

  test("help for a command that there is not", async () => {
    const { exit, err } = await cli(["help", "aply"]);
    expect(exit).toBe(1);
    expect(err).toContain("there is no command 'aply'");
    expect(err).toContain("apply");
  });

  test.each(["\tdomains: {}", "  domains:\n    web1:\n\t\tdisks: {}"])("a tab that indents is called one: %j", async (text) => {
    const tabs = tempFiles({ "tabs.yml": `- hosts: dom0a\n${text}\n` });
    const { exit, err } = await cli(["--check", "-i", files["inventory.yml"], tabs["tabs.yml"]]);
    expect(exit).toBe(1);
    expect(err).toContain("a tab indents this line");
    expect(err).toContain("Indent with spaces");
  });

  test.each([["EPIPE", 141], ["ENOSPC", 3]] as const)("output that can not be written (%s) is no success", (code, exit) => {
    const ended = vi.spyOn(process, "exit").mockImplementation((status) => { throw new Error(`exit ${String(status)}`); });
    try {
      expect(() => endWithoutOutput(Object.assign(new Error("no room"), { code }))).toThrow(`exit ${String(exit)}`);
    } finally {
      ended.mockRestore();
    }
  });

  test("a mistake in a playbook is shown at its place", async () => {
    const { exit, err } = await cli(["--check", "-i", files["inventory.yml"], files["broken.yml"]]);
    expect(exit).toBe(1);
    expect(err).toContain("broken.yml:5:36");
    expect(err).toContain("did you mean 'filesystem'?");
  });

  test("a bug shows no stack but with -vvv", async () => {
    const argv = ["--check", "-i", files["inventory.yml"], files["broken.yml"].replace("broken", "good")];
    const good = tempFiles({ "good.yml": "- hosts: dom0a\n  domains:\n    web1: { disks: { xvda1: { volume: vg0/web1 } } }\n" });
    const quiet = await cli([...argv.slice(0, -1), good["good.yml"]]);
    expect(quiet.exit).toBe(3);
    expect(quiet.err).toContain("the test has no host dom0a");
    expect(quiet.err).not.toMatch(/^ {4}at /m);
    expect((await cli(["-vvv", ...argv.slice(0, -1), good["good.yml"]])).err).toMatch(/^ {4}at /m);
  });
});

describe("help", () => {
  test("tells exit codes, environment and examples", async () => {
    const { exit, out } = await cli(["--help"]);
    expect(exit).toBe(0);
    for (const words of ["Exit codes:", "NO_COLOR", "converge apply plan.json", "hosts: xen"]) expect(out).toContain(words);
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("has the options of what a file alone means, where one looks for them", async () => {
    const { out } = await cli(["--help"]);
    const own = out.slice(0, out.indexOf("Commands:"));
    for (const flag of ["-i,", "-l,", "-e,", "-f,", "-C,", "-D,", "-u,", "-b,", "-K,", "-v,", "--yes", "--json", "--domain", "--out", "--vault-password-file", "-h,"]) {
      expect(own).toMatch(new RegExp(`^  ${flag}`, "m"));
    }
    // each on a line of its own, and no others than there are
    const flags = [...own.matchAll(/^ {2}(-\S.*?) {2}/gm)].map(([, flag]) => flag);
    expect(own.split("\n").filter((line) => line.startsWith("  "))).toHaveLength(flags.length);
    const all = (await cli(["help", "apply"])).out;
    for (const flag of flags.filter((one) => one !== "-V, --version" && one !== "-h, --help")) expect(all).toContain(`  ${flag ?? ""}  `);
  });

  test("nothing at all shows the help", async () => {
    const { exit, err } = await cli([]);
    expect(exit).toBe(1);
    expect(err).toContain("Usage: converge");
  });
});
