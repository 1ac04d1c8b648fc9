import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { InventoryCase } from "../inventory/ansible/case.js";
import { layOut } from "../inventory/ansible/case.js";
import { cli } from "./in-process.js";

const vaults = parse(readFileSync(join(import.meta.dirname, "../inventory/ansible/cases/vaults.yml"), "utf8")) as InventoryCase;
const folder = layOut({
  files: {
    ...vaults.files, "plain/hosts.ini": "[web]\nweb[1:3] port=80\n[db]\ndb1\n[site:children]\nweb\ndb\n", "retry": "web2\ndb1\n", "empty.pass": "\n",
    "prints.sh": "#!/bin/sh\ncat \"$(dirname \"$0\")/one.pass\"\n", "broken.ini": "[web\n",
  },
});
chmodSync(join(folder, "prints.sh"), 0o755);
afterAll(() => { rmSync(folder, { recursive: true }); });
const at = (name: string): string => join(folder, name);
const plain = ["inventory", "-i", at("plain/hosts.ini"), "--playbook-dir", at("nowhere")];

describe("converge inventory", () => {
  test("--list, with -l and -e", async () => {
    const { exit, out, err } = await cli([...plain, "--list", "-l", "web:&site", "-l", "!web3", "-e", "who=me"]);
    expect([exit, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toEqual({
      _meta: { hostvars: { web1: { port: 80, who: "me" }, web2: { port: 80, who: "me" } } },
      all: { children: ["ungrouped", "site"] }, site: { children: ["web", "db"] }, web: { hosts: ["web1", "web2"] },
    });
  });

  test("--graph from a group, with variables; -l @file", async () => {
    expect((await cli([...plain, "--graph", "site", "--vars", "-l", `@${at("retry")}`])).out).toBe(
      "@site:\n  |--@web:\n  |  |--web2\n  |  |  |--{port = 80}\n  |--@db:\n  |  |--db1\n");
  });

  test("--host, by a pattern that means one", async () => {
    expect(JSON.parse((await cli([...plain, "--host", "web[0]"])).out)).toEqual({ port: 80 });
    const { exit, err } = await cli([...plain, "--host", "web"]);
    expect([exit, err]).toEqual([1, expect.stringContaining("--host takes one host, and 'web' means 3")]);
  });

  test("--export yaml", async () => {
    expect(parse((await cli([...plain, "--export", "yaml", "-l", "db"])).out)).toEqual({
      all: { children: { ungrouped: {}, site: { children: { web: {}, db: { hosts: { db1: {} } } } } } },
    });
  });

  test.each<[readonly string[], string]>([
    [[...plain], "one of --list, --graph, --host and --export is needed"],
    [[...plain, "--list", "--graph"], "one of --list, --graph, --host and --export is needed"],
    [[...plain, "--graph", "wbe"], "did you mean 'web'?"],
    [[...plain, "--list", "-l", "nobody"], "no host and no group is called 'nobody'"],
    [["inventory", "-i", at("broken.ini"), "--list"], "error["],
    [["inventory", "-i", at("hosts"), "--list"], "is vaulted, and no password was given"],
    [["inventory", "-i", at("hosts"), "--list", "--vault-password-file", at("one.pass")], "the password that was given does not fit"],
    [["inventory", "-i", at("hosts"), "--list", "--vault-password-file", at("empty.pass")], "gives an empty password"],
    [["inventory", "-i", at("hosts"), "--list", "--vault-id", `x@${at("none")}`], "can not be read"],
    [["inventory", "-i", at("hosts"), "--list", "--vault-id", "x@prompt"], "there is no terminal to ask on"],
  ])("%j is refused", async (argv, expected) => {
    const { exit, out, err } = await cli(argv);
    expect([exit, out]).toEqual([1, ""]);
    expect(err.replace(/\n */g, " ")).toContain(expected);
  });

  test("vaults are opened by a program's password too, and values stay as they are", async () => {
    const argv = ["inventory", "-i", at("more.yml"), "--vault-id", `main@${at("prints.sh")}`, "--playbook-dir", at("nowhere"), "--host", "h2"];
    const vars = JSON.parse((await cli(argv)).out) as Record<string, unknown>;
    expect(vars["all_secret"]).toBe("from a vault");
    expect(vars["secret"]).toEqual({ __ansible_vault: expect.stringContaining("$ANSIBLE_VAULT;1.1;AES256\n") as string });
  });

  test("a complaint about a decrypted file shows none of it", async () => {
    writeFileSync(at("x.yml"), readFileSync(at("group_vars/all.yml")));
    const { exit, err } = await cli(["inventory", "-i", at("x.yml"), "--list", "--vault-password-file", at("one.pass")]);
    expect(exit).toBe(0);
    expect(err).toContain("x.yml:1:");
    for (const word of ["from a vault", "all_secret", "nested"]) expect(err).not.toContain(word);
  });
});
