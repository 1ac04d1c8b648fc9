import { describe, expect, test } from "vitest";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { lintAll, textFiles } from "./project-files.js";

/** Vaults in a lint: left shut without a password, opened with one, and shown in no case. */

/** In the form of a vault; nothing that could be decrypted. */
function envelope(content: string): string {
  const parts = ["5a17", "00ff", Buffer.from(content).toString("hex")].join("\n");
  return `$ANSIBLE_VAULT;1.1;AES256\n${Buffer.from(parts).toString("hex")}`;
}

const vaulted = (content: string, indent: string): string => `!vault |\n${envelope(content).replace(/^/gm, indent)}\n`;
const HOSTS = "xen: { hosts: { dom0a: , dom0b: } }\n";
const PLAY = "- hosts: xen\n  domains: { web1: { disks: { xvda1: { volume: \"{{ pool }}/web1\", size: 8MiB } } } }\n";
const unlock = (text: string): { text: string } => ({ text: Buffer.from(Buffer.from(text.split("\n").slice(1).join("").trim(), "hex").toString().split("\n")[2] ?? "", "hex").toString() });

function told(texts: Readonly<Record<string, string>>): string[] {
  return lintAll(textFiles({ "hosts.yml": HOSTS, "web.yml": PLAY, ...texts })).findings.map(({ severity, code, summary }) => `${severity} ${code}: ${summary}`);
}

const shut = (what: string): string => `note vault-sealed: no password was given: ${what} left shut`;

describe("without a password", () => {
  test("a vaulted value is defined, whatever is made of it", () => {
    const vars = `pool: "{{ secret }}"\nsecret: ${vaulted("vg0", "  ")}`;
    expect(told({ "group_vars/xen.yml": vars })).toEqual([shut("1 vaulted value")]);
    expect(told({ "group_vars/xen.yml": `pool: ${vaulted("vg0", "  ")}` })).toEqual([shut("1 vaulted value")]);
  });

  test("what does not depend on it is checked all the same", () => {
    const vars = `ansible_become_password: ${vaulted("x", "  ")}pool: vg0\nansible_port: many\n`;
    expect(told({ "group_vars/xen.yml": vars })).toEqual([shut("1 vaulted value"), expect.stringContaining("error connection")]);
    expect(told({ "group_vars/xen.yml": `ansible_become_password: ${vaulted("x", "  ")}` }).map((line) => line.split(":")[0]))
      .toEqual(expect.arrayContaining(["error undefined-variable"]));
  });

  test("a vaulted file may define whatever is missing, for its inventory's hosts", () => {
    expect(told({ "group_vars/xen/vault.yml": envelope("pool: vg0\n"), "group_vars/xen/plain.yml": "other: 1\n" })).toEqual([shut("1 vaulted file")]);
    expect(told({ "hosts.yml": "", "inv/hosts.yml": HOSTS, "group_vars/all.yml": envelope("pool: vg0\n") })).toEqual([shut("1 vaulted file")]);
  });

  test("a vaulted inventory names nobody who is known: playbooks are checked without it", () => {
    const texts = { "hosts.yml": envelope(HOSTS), "web.yml": PLAY.replace("xen", "nobody") };
    const findings = lintAll(textFiles(texts), { inventories: ["hosts.yml"] }).findings.map(({ code }) => code);
    expect(findings).toEqual(["vault-sealed"]);
    const broken = lintAll(textFiles({ ...texts, "web.yml": PLAY.replace("domains", "domians") }), { inventories: ["hosts.yml"] });
    expect(broken.findings.map(({ code }) => code)).toContain("unknown-key");
  });

  test("two vaulted values are not compared", () => {
    const inventory = "xen: { hosts: { dom0a: } }\nlab: { hosts: { dom0a: } }\n";
    const texts = { "hosts.yml": inventory, "group_vars/xen.yml": `pool: ${vaulted("vg0", "  ")}`, "group_vars/lab.yml": `pool: ${vaulted("vg1", "  ")}` };
    expect(told(texts)).toEqual([shut("2 vaulted values")]);
    const addresses = `xen:\n  hosts:\n    dom0a:\n      ansible_host: ${vaulted("dom0b", "        ")}    dom0b:\n  vars: { pool: vg0 }\n`;
    expect(told({ "hosts.yml": addresses })).toEqual([shut("1 vaulted value")]);
  });

  test("a damaged vault is an error", () => {
    expect(told({ "group_vars/all.yml": "$ANSIBLE_VAULT;1.1;AES256\n3030\n" })).toContain("error vaulted: this file is vaulted, and it is damaged: not three parts in hex digits");
  });
});

describe("with a password", () => {
  const files = textFiles({ "hosts.yml": HOSTS, "web.yml": PLAY, "group_vars/xen.yml": envelope("pool: vg/0\nansible_password: hunter2\n") });

  test("files are read, shown nowhere, and no secrets in plain text", () => {
    const { findings } = lintAll(files, { unlock });
    expect(findings.map(({ code }) => code)).not.toContain("vault-sealed");
    expect(findings.map(({ code }) => code)).not.toContain("plain-secret");
    expect(findings.some(({ severity }) => severity === "error")).toBe(true);
    expect(renderDiagnostics(findings)).not.toContain("hunter2");
  });
});
