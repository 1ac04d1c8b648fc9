import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const recording = fileURLToPath(new URL("../observe/recorded/lab-web1-running.json", import.meta.url));
const files = tempFiles({
  "recorded.yml": `all:\n  hosts:\n    dom0:\n      ansible_connection: recorded\n      converge_facts: ${recording}\n`,
  "ssh.yml": "all:\n  hosts:\n    dom0:\n      ansible_host: dom0.invalid\n",
  "web.yml": "- hosts: dom0\n  domains:\n    web1: { disks: { xvda1: { volume: vg0/web1-root } } }\n",
  "typo.yml": "- hosts: dom0\n  domains:\n    wbe1: { disks: { xvda1: { volume: vg0/web1-root } } }\n",
});
const path = process.env["PATH"];
afterEach(() => {
  process.env["PATH"] = path;
});

test.each([["attach"], ["log"], ["resume", "--check"]])("%s of a recorded host says that it is one, not that it was not reached", async (...command) => {
  const { exit, err } = await cli([...command, "-i", files["recorded.yml"], "dom0", "web1"], { real: true });
  expect(err).toContain("host-recorded");
  expect(exit).toBe(5);
});

test("a recorded host is previewed, and nothing is applied there", async () => {
  const argv = ["-i", files["recorded.yml"], files["web.yml"]];
  const check = await cli(["--check", ...argv], { real: true });
  expect(check.exit).toBe(0);
  expect(check.out).toContain("web1 on dom0: 1 disk moves to a logical volume");
  const apply = await cli([...argv, "--yes"], { real: true });
  expect(apply.exit).toBe(5);
  expect(apply.err).toContain("dom0 is a recording");
});

test("a guest that is on no host is a mistake in the playbook", async () => {
  const { exit, err } = await cli(["--check", "-i", files["recorded.yml"], files["typo.yml"]], { real: true });
  expect(exit).toBe(1);
  expect(err).toContain("there is no guest 'wbe1' on dom0");
  expect(err).toContain("did you mean 'web1'?");
});

test("a host that ssh does not reach gives 4, and ssh's own words", async () => {
  const bin = join(files.dir, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "ssh"), "#!/bin/sh\necho 'ssh: connect to host dom0.invalid port 22: Connection refused' >&2\nexit 255\n");
  chmodSync(join(bin, "ssh"), 0o755);
  process.env["PATH"] = `${bin}:${path ?? ""}`;
  const { exit, out } = await cli(["--check", "-i", files["ssh.yml"], files["web.yml"]], { real: true });
  expect(exit).toBe(4);
  expect(out).toContain("Connection refused");
  expect(out).toContain("not reached");
});

test("Ctrl-C at the question for a password ends as at any other: with 130", async () => {
  const { exit, err } = await cli(["--check", "-K", "-i", files["ssh.yml"], files["web.yml"]], { typed: "\u0003" });
  expect(exit).toBe(130);
  expect(err).toContain("no password was given");
});
