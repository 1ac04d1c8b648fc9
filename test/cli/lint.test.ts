import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { InventoryCase } from "../inventory/ansible/case.js";
import { layOut } from "../inventory/ansible/case.js";
import { tempFolder } from "../support/temp-folder.js";
import { cli } from "./in-process.js";

/** A folder of files that is removed afterwards. */
function project(files: Readonly<Record<string, string>>): string {
  const dir = tempFolder("lint");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

const HOSTS = "xen: { hosts: { dom0a: } }\n";
const GOOD = "- hosts: xen\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1, size: 8MiB } } } }\n";
const WARNED = GOOD.replace("8MiB", "5MiB");
const BROKEN = "- hosts: xen\n  domians: {}\n";

describe("lint ends with", () => {
  test("0 where nothing is found, and says so", async () => {
    expect(await cli(["lint", project({ "hosts.yml": HOSTS, "web.yml": GOOD })])).toEqual({ exit: 0, out: "Nothing found in 2 files\n", err: "" });
  });

  test("0, and at all, where a pipe that nobody writes to lies in the folder", async () => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": GOOD });
    execFileSync("mkfifo", [join(dir, "pipe.yml")]);
    expect(await cli(["lint", dir])).toMatchObject({ exit: 0, out: "Nothing found in 2 files\n" });
  });

  test("a warning where there is nothing to lint: a wrong path is not green with --max-warnings 0", async () => {
    const dir = project({ "docs/readme.md": "# no playbook\n", "hosts.yml": HOSTS });
    const { exit, out } = await cli(["lint", "--max-warnings", "0", dir, join(dir, "docs")]);
    expect([exit, out.replace(/\s+/g, " ")]).toEqual([1, expect.stringContaining(`no playbook, inventory or recording was found in '${dir}/docs'`)]);
    expect(out.match(/nothing-to-lint/g)).toHaveLength(1);
    // what -i names is looked at
    expect((await cli(["lint", "-i", join(dir, "hosts.yml"), join(dir, "docs")])).out).toBe("Nothing found in 1 file\n");
  });

  test("1 on errors, and shows them in their place without colours", async () => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": BROKEN });
    const { exit, out } = await cli(["lint", dir]);
    expect(exit).toBe(1);
    expect(out).toContain(`--> ${dir}/web.yml:2:3`);
    expect(out).toContain("did you mean 'domains'?");
    expect(out).toContain("1 error in 2 files");
    expect(out).not.toContain("\u001b");
  });

  test("0 on warnings, or 1 where there are more than --max-warnings", async () => {
    const dir = project({ "hosts.yml": HOSTS, "a.yml": WARNED, "b.yml": WARNED.replaceAll("web1", "web2") });
    expect((await cli(["lint", dir])).exit).toBe(0);
    expect((await cli(["lint", "--max-warnings", "2", dir])).exit).toBe(0);
    expect((await cli(["lint", "--max-warnings", "1", dir])).exit).toBe(1);
    expect((await cli(["lint", "--max-warnings", "0", dir])).exit).toBe(1);
  });

  test.each(["-1", "x", "", "1.5"])("1 for --max-warnings '%s'", async (number) => {
    const { exit, err } = await cli(["lint", "--max-warnings", number, "."]);
    expect([exit, err.includes("whole number")]).toEqual([1, true]);
  });

  test("1 for a path that is not there", async () => {
    const { exit, out } = await cli(["lint", "/nowhere/at/all"]);
    expect([exit, out.includes("there is no file '/nowhere/at/all'")]).toEqual([1, true]);
  });
});

describe("lint reads", () => {
  test("files of other kinds only where they are named", async () => {
    const dir = project({
      "hosts.yml": HOSTS, "web.yml": GOOD, "notes.yml": "a: [\n", "site.yml": "- hosts: xen\n  tasks: [{ ping: }]\n",
      "compose.yml": "services: { web: { image: x } }\n", "node_modules/x/web.yml": BROKEN, ".hidden/web.yml": BROKEN, "data.json": "[{\"hosts\": 1}]",
    });
    expect(await cli(["lint", dir])).toEqual({ exit: 0, out: "Nothing found in 2 files\n", err: "" });
    expect((await cli(["lint", join(dir, "site.yml")])).out).toContain("a play has no key 'tasks'");
  });

  test("what is broken too, where it looks like a playbook or an inventory", async () => {
    const dir = project({ "hosts.yml": "xen:\n  hosts: {\n", "web.yml": "- hosts: [\n" });
    const { out } = await cli(["lint", dir]);
    expect(out.match(/yaml-syntax/g)).toHaveLength(2);
  });

  test("a config in a folder above, whatever folder it is started for", async () => {
    const dir = project({ "converge.config.yml": "inventory: [hosts.yml]\nlint: { rules: { rounded-size: error } }\n", "hosts.yml": HOSTS, "deep/down/web.yml": WARNED });
    const { exit, out } = await cli(["lint", join(dir, "deep/down")]);
    expect(exit).toBe(1);
    expect(out).toContain("error[rounded-size]");
  });

  test("-i and -e as the run will be given them", async () => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": GOOD.replace("xen", "\"{{ where }}\"") });
    expect((await cli(["lint", join(dir, "web.yml"), "-i", join(dir, "hosts.yml")])).out).toContain("undefined-variable");
    expect((await cli(["lint", join(dir, "web.yml"), "-i", join(dir, "hosts.yml"), "-e", "where=xen"])).exit).toBe(0);
  });

  test.each([
    ["a play without its dash", "hosts: xen\ndomains: {}\n", "the playbook is a map, and must be a list of plays"],
    ["nothing but a comment", "# to be written\n", "the playbook is empty"],
    ["brackets without end", "[[[[\n", "yaml-syntax"],
  ])("whatever is named beside -i, as a run would: %s", async (_, text, said) => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": text });
    const { exit, out } = await cli(["lint", "-i", join(dir, "hosts.yml"), join(dir, "web.yml")]);
    expect([exit, out]).toEqual([1, expect.stringContaining(said)]);
  });

  test("a play without its dash in a folder", async () => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": "---\nhosts: xen\ndomains: {}\n" });
    expect((await cli(["lint", dir])).out).toContain("must be a list of plays");
  });

  test("other YAML in a folder is left alone, whatever its keys", async () => {
    const other = "hosts:\n  - a.example\ndomains:\n  - example.org\n";
    const dir = project({ "hosts.yml": HOSTS, "web.yml": GOOD, "dns.yml": other, "roles/dns/defaults/main.yml": "hosts: a\ndomains:\n  example.org: b\n" });
    const { exit, out } = await cli(["lint", dir]);
    expect([exit, out]).toEqual([0, expect.not.stringContaining("must be a list of plays")]);
  });

  test("a folder in no time in which domains are commented out, block by block", async () => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": `hosts: xen\ndomains:\n${"  # web1:\n\n".repeat(60)}other: 1\n` });
    expect((await cli(["lint", dir])).exit).toBe(0);
  });

  test("no part of the inventory that -i gives as a playbook, and a playbook in JSON as one", async () => {
    const dir = project({
      "inventory/hosts.yml": HOSTS, "inventory/group_vars/xen.yml": "rack: 1\n", "beside.yml": HOSTS, "group_vars/xen.yml": "row: 2\n",
      "web.json": JSON.stringify([{ hosts: "xen", domians: {} }]),
    });
    const named = (inventory: string, path: string): Promise<{ out: string }> => cli(["lint", "-i", join(dir, inventory), join(dir, path)]);
    for (const [inventory, path] of [["inventory", "inventory/group_vars/xen.yml"], ["inventory/", "inventory/hosts.yml"], ["beside.yml", "group_vars/xen.yml"]] as const) {
      expect((await named(inventory, path)).out, path).toMatch(/^Nothing found/);
    }
    expect((await named("beside.yml", "web.json")).out).toContain("domians");
  });

  test("an inventory that is named beside -i, by itself: playbooks are judged by -i", async () => {
    const dir = project({ "hosts.yml": HOSTS, "old.ini": "[xen\n", "test.yml": "lab: { hosts: { dom9: { ansible_port: x } } }\n", "web.yml": GOOD.replace("xen", "lab") });
    const named = (...paths: string[]): Promise<{ out: string }> => cli(["lint", "-i", join(dir, "hosts.yml"), ...paths.map((path) => join(dir, path))]);
    expect((await named("old.ini")).out).toContain("old.ini:1:1");
    const { out } = await named("test.yml", "web.yml");
    expect(out).toContain("'ansible_port' must be a port");
    expect(out).toContain("no host and no group is called 'lab'");
    expect((await named("hosts.yml")).out).toBe("Nothing found in 1 file\n");
  });

  test("permissions of inventories", async () => {
    const dir = project({ "hosts.yml": HOSTS });
    chmodSync(join(dir, "hosts.yml"), 0o666);
    expect((await cli(["lint", dir])).out).toContain(`Run chmod o-w ${dir}/hosts.yml`);
  });

  test("the repository itself, without a complaint", async () => {
    const { exit, out } = await cli(["lint"]);
    expect(out).toMatch(/^Nothing found in \d+ files\n$/);
    expect(exit).toBe(0);
  });
});

describe("lint and vaults", () => {
  const vaults = parse(readFileSync(join(import.meta.dirname, "../inventory/ansible/cases/vaults.yml"), "utf8")) as InventoryCase;
  const folder = layOut({ files: vaults.files });
  afterAll(() => { rmSync(folder, { recursive: true }); });
  const argv = ["lint", "-i", join(folder, "more.yml"), join(folder, "more.yml")];

  test("that are left shut without a password", async () => {
    const { exit, out } = await cli(argv);
    expect([exit, out]).toEqual([0, expect.stringContaining("note[vault-sealed]")]);
  });

  test.each([["--vault-password-file", "one.pass"], ["--vault-id", "main@one.pass"]])("that %s opens, and shows nothing of", async (option, file) => {
    const { exit, out } = await cli([...argv, option, file.replace("one.pass", join(folder, "one.pass"))]);
    expect(exit).toBe(0);
    for (const word of ["vault-sealed", "from a vault"]) expect(out).not.toContain(word);
  });

  test("that the given password does not open are errors, as in a run", async () => {
    const { exit, out } = await cli([...argv, "--vault-password-file", join(folder, "two.pass")]);
    expect([exit, out]).toEqual([1, expect.stringContaining("error[vaulted]")]);
  });
});

describe("lint prints", () => {
  const dir = project({ "hosts.yml": HOSTS, "web.yml": BROKEN });

  test.each([
    ["json", (out: string) => (JSON.parse(out) as { findings: { code: string }[] }).findings[0]?.code],
    ["sarif", (out: string) => (JSON.parse(out) as { runs: { results: { ruleId: string }[] }[] }).runs[0]?.results[0]?.ruleId],
    ["github", (out: string) => /^::error file=.*,line=2,endLine=2,col=3,endColumn=10,title=(.*)::/.exec(out)?.[1]],
    ["junit", (out: string) => /<testcase name="([a-z-]+) at 2:3"/.exec(out)?.[1]],
  ])("%s", async (format, codeOf) => {
    const { exit, out, err } = await cli(["lint", "--format", format, dir]);
    expect([exit, codeOf(out), err]).toEqual([1, "unknown-key", ""]);
  });

  test("no other format", async () => {
    const { exit, err } = await cli(["lint", "--format", "xml", dir]);
    expect([exit, err.replace(/\s+/g, " ").includes("Allowed choices are text, json, sarif, github, junit")]).toEqual([1, true]);
  });
});

describe("lint --fix", () => {
  test("mends files byte by byte: marks, line ends, comments and modes stay", async () => {
    const before = "\ufeff# über\r\n- hosts: xen  # ünïcode\r\n  domains: { web1: { disks: { /dev/xvda1: { volume: /dev/vg0/web1, filesystem: EXT4 } } } }\r\n";
    const dir = project({ "hosts.yml": HOSTS, "web.yml": before });
    const path = join(dir, "web.yml");
    chmodSync(path, 0o640);
    const { exit, out, err } = await cli(["lint", "--fix", dir]);
    expect(err).toMatch(/^(mended \S+: \d+ places?\n)+$/);
    expect(out).toBe("Nothing found in 2 files\n");
    expect(exit).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(before.replaceAll("/dev/", "").replace("EXT4", "ext4"));
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test("mends the file that a link leads to, and the link stays one", async () => {
    const dir = project({ "hosts.yml": HOSTS, "shared/web.txt": GOOD.replace("hosts", "Hosts") });
    const link = join(dir, "web.yml");
    symlinkSync("shared/web.txt", link);
    const { exit, out } = await cli(["lint", "--fix", dir]);
    expect([exit, out]).toEqual([0, "Nothing found in 2 files\n"]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(dir, "shared/web.txt"), "utf8")).toBe(GOOD);
  });

  test("leaves a file alone in which there is nothing to mend", async () => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": BROKEN });
    const before = statSync(join(dir, "web.yml"), { bigint: true });
    expect((await cli(["lint", "--fix", dir])).exit).toBe(1);
    expect(statSync(join(dir, "web.yml"), { bigint: true }).mtimeNs).toBe(before.mtimeNs);
  });

  test("without it nothing is written", async () => {
    const dir = project({ "hosts.yml": HOSTS, "web.yml": GOOD.replace("hosts", "Hosts") });
    expect((await cli(["lint", dir])).out).toContain("1 can be mended by converge lint --fix");
    expect(readFileSync(join(dir, "web.yml"), "utf8")).toContain("Hosts");
  });
});

test("no output shows a secret", async () => {
  const dir = project({ "hosts.yml": "xen: { hosts: { dom0a: { ansible_password: hunter2, ansible_connection: hunter2 } } }\n" });
  for (const format of ["text", "json", "sarif", "github", "junit"]) {
    const { out } = await cli(["lint", "--format", format, dir]);
    expect(out, format).toContain("plain-secret");
    expect(out, format).not.toContain("hunter2");
  }
});
