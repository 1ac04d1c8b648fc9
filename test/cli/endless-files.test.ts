import { execFileSync, spawn } from "node:child_process";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test, vi } from "vitest";
import { RecordedHost } from "../../src/edge/hosts/recorded.js";
import { aHost } from "../support/a-host.js";
import { tempFolder } from "../support/temp-folder.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";

/** Files that have no end, and pipes whose end is up to somebody else. */

const folder = tempFolder("endless");
const at = (name: string): string => join(folder, name);
const HOSTS = "all: { hosts: { dom0a: } }\n";
const PLAYBOOK = "- hosts: all\n  domains: { web1: { disks: { xvda1: { volume: \"{{ group }}/web1-root\" } } } }\n";
writeFileSync(at("hosts.yml"), HOSTS);
writeFileSync(at("web.yml"), PLAYBOOK);
writeFileSync(at("vars.yml"), "group: vg0\n");
// nothing of it is on the disk
writeFileSync(at("large.yml"), "");
truncateSync(at("large.yml"), 8 * 1024 ** 3);

const hosts = { hosts: { dom0a: new FakeHost("dom0a") }, states: () => aHost([{ name: "web1", disks: { xvda1: {} } }]) };

describe.each(["/dev/zero", at("large.yml")])("%s is refused, and not read on and on", (endless) => {
  test.each([
    { as: "a playbook", argv: ["-i", at("hosts.yml"), endless, "--check"] },
    { as: "an inventory", argv: ["-i", endless, at("web.yml"), "--check"] },
    { as: "variables", argv: ["-i", at("hosts.yml"), "-e", `@${endless}`, at("web.yml"), "--check"] },
    { as: "a saved plan", argv: ["apply", endless, "--check"] },
    { as: "a password", argv: ["-i", at("hosts.yml"), "--vault-password-file", endless, at("web.yml"), "--check"] },
    { as: "what is linted", argv: ["lint", endless] },
  ])("as $as", async ({ argv }) => {
    const { exit, out, err } = await cli(argv, hosts);
    expect(exit, out + err).toBe(1);
    expect((out + err).replaceAll(/\s+/g, " ")).toContain(`'${endless}' can not be read: it has more than 67108864 bytes`);
  });

  test("as a recording", async () => {
    const { value, diagnostics } = await new RecordedHost("dom0a", endless).recorded();
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: "recording-missing", detail: expect.stringMatching(/^it is no file$|^it has more than 67108864 bytes$/) as string }]);
  });
});

/** Opens the pipe in another process, as `<(command)` does, and writes to it after a while. */
function written(name: string, text: string): string {
  execFileSync("mkfifo", [at(name)]);
  spawn("sh", ["-c", 'sleep 0.2; printf %s "$1" >"$2"', "sh", text, at(name)], { stdio: "ignore" });
  return at(name);
}

test("pipes are read to their end, be they a playbook, an inventory or variables", async () => {
  const argv = ["-i", written("hosts", HOSTS), "-e", `@${written("vars", "group: vg0\n")}`, written("web", PLAYBOOK), "--check"];
  const { exit, out, err } = await cli(argv, hosts);
  expect(exit, out + err).toBe(0);
  expect(out).toContain("vg0/web1-root");
});

/** The signals that a process has handlers for, as bits (proc_pid_status(5), SigCgt). */
function caught(pid: number | undefined): bigint {
  const [, mask = ""] = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, "utf8")) ?? [];
  return BigInt(`0x${mask}`);
}

describe("while a pipe is waited for", () => {
  // a process of its own: what happens to it is the point
  const module = ts.transpileModule(readFileSync("src/edge/cli/read-bytes.ts", "utf8"), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  writeFileSync(at("read-bytes.mjs"), module.outputText);
  writeFileSync(at("reads.mjs"), `
import { readBytes } from "./read-bytes.mjs";
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => { console.log("heard"); process.exit(7); });
console.log("reads");
for (const path of process.argv.slice(2)) console.log(readBytes(path).toString("utf8"));
process.kill(process.pid, "SIGTERM");
setTimeout(() => undefined, 10000);
`);

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s ends the command", async (signal) => {
    execFileSync("mkfifo", [at(signal)]);
    const child = spawn(process.execPath, [at("reads.mjs"), at(signal)], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    // it says so before it waits, and while it waits it hears nothing
    const { [signal]: number } = constants.signals;
    await vi.waitFor(() => { expect(caught(child.pid) >> BigInt(number - 1) & 1n).toBe(0n); }, 60_000);
    const ended = new Promise((resolve) => child.once("exit", (_code, by) => { resolve(by); }));
    child.kill(signal);
    expect(await ended).toBe(signal);
  });

  test("and signals are heard again afterwards", () => {
    const script = '"$@" <(sleep 0.2; echo one) <(echo two; sleep 0.2; echo three); echo "$?"';
    const out = execFileSync("bash", ["-c", script, "bash", process.execPath, at("reads.mjs")], { encoding: "utf8" });
    expect(out).toBe("reads\none\n\ntwo\nthree\n\nheard\n7\n");
  });
});
