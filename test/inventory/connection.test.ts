import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CONNECTION_VARIABLES } from "../../src/core/inventory/connection-variables.js";
import { connectionOf } from "../../src/core/inventory/connection.js";
import { readExtraVars } from "../../src/core/inventory/extra-vars.js";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { filesOf } from "../load/files.js";
import { connectionWith } from "./connection-with.js";

describe("connections of an inventory", () => {
  const loaded = loadInventory(["inv/x.yml"], filesOf({
    "inv/x.yml": [
      "all:", "  vars: { ansible_user: root, base: 192.0.2, ansible_ssh_common_args: \"-J jump -o 'ProxyCommand=a b'\" }",
      "  hosts:", "    a: { ansible_host: '{{ base }}.1', ansible_port: '2222', ansible_become: yes, ansible_become_pass: x }",
      "    b: { ansible_connection: recorded, converge_facts: ../facts/b.json }",
      "    c: { ansible_connection: winrm, ansible_port: ssh, ansible_become: maybe }", "    d: { ansible_connection: recorded }",
      "    e: { ansible_become: yes, ansible_become_method: su, ansible_host: '{{ bsae }}' }",
    ].join("\n"),
  }));
  const inventory = loaded.value;
  if (inventory === undefined) throw new Error(renderDiagnostics(loaded.diagnostics));
  const connection = (name: string, extra = "") => {
    const host = inventory.hosts.get(name);
    const { value } = readExtraVars(extra === "" ? [] : [extra], NO_FILES);
    if (host === undefined || value === undefined) throw new Error("no host");
    return connectionOf(host, inventory, value, { user: "me" });
  };

  test("ssh with everything, templates filled in", () => {
    expect(connection("a").value).toEqual({
      kind: "ssh", address: "192.0.2.1", port: 2222, user: "root", sshArguments: ["-J", "jump", "-o", "ProxyCommand=a b"],
      become: { method: "sudo", user: "root", password: "x" },
    });
    expect(connection("a", "ansible_user=other").value?.user).toBe("other");
  });

  test("recorded facts are looked for beside the file that names them", () => {
    expect(connection("b").value?.factsFile).toBe("inv/../facts/b.json");
  });

  test("complaints", () => {
    expect(connection("c").diagnostics.map((d) => d.summary)).toEqual([
      "no connection is called 'winrm'", "'ansible_port' must be a port, 1 to 65535", "'ansible_become' must be true or false",
    ]);
    expect(connection("d").diagnostics).toHaveLength(1);
    expect(connection("e").diagnostics.map((d) => d.summary)).toEqual([
      "becoming root by 'su' is not built", "the variable 'bsae' is not defined for host e",
    ]);
  });
});

test("the variables that are read are those that are known, and those in the guide", () => {
  const names = (text: string): string[] => [...new Set(text.match(/\b(ansible|converge)_[a-z_]+\b/g))].sort();
  const [, table = ""] = readFileSync("docs/guide/inventory.md", "utf8").split("## Connection variables");
  expect(names(readFileSync("src/core/inventory/connection.ts", "utf8"))).toEqual([...CONNECTION_VARIABLES].sort());
  expect(names(table.split("Others, such as")[0] ?? "")).toEqual([...CONNECTION_VARIABLES].sort());
});

describe("a connection from a host's variables", () => {
  test("without any is ssh to the host's name", () => {
    expect(connectionWith({})).toEqual({ diagnostics: [], value: { kind: "ssh", address: "dom0a", sshArguments: [] } });
  });

  test("with all of Ansible's names", () => {
    const { value, diagnostics } = connectionWith({
      ansible_host: "192.0.2.7", ansible_port: "2222", ansible_user: "jk", ansible_timeout: 3,
      ansible_ssh_private_key_file: "~/.ssh/xen", ansible_ssh_common_args: "-o 'ProxyJump=a b' -4", ansible_ssh_extra_args: "-v",
      ansible_become: "yes", ansible_become_user: "xen", ansible_become_password: "s3cret",
    });
    expect(diagnostics).toEqual([]);
    expect(value).toEqual({
      kind: "ssh", address: "192.0.2.7", port: 2222, user: "jk", privateKeyFile: "~/.ssh/xen",
      sshArguments: ["-o", "ProxyJump=a b", "-4", "-v"], connectTimeoutSeconds: 3,
      become: { method: "sudo", user: "xen", password: "s3cret" },
    });
  });

  test("with the older names", () => {
    expect(connectionWith({
      ansible_ssh_host: "192.0.2.7", ansible_ssh_port: 2222, ansible_ssh_user: "jk", ansible_private_key_file: "k",
      ansible_ssh_timeout: "2.5", ansible_become: 1, ansible_become_pass: "s3cret",
    }).value).toEqual({
      kind: "ssh", address: "192.0.2.7", port: 2222, user: "jk", privateKeyFile: "k", sshArguments: [],
      connectTimeoutSeconds: 3, become: { method: "sudo", user: "root", password: "s3cret" },
    });
  });

  // what `ansible -m raw` gives ssh where both are set
  test("the older names are stronger, as they are to Ansible", () => {
    expect(connectionWith({
      ansible_host: "192.0.2.8", ansible_ssh_host: "192.0.2.7", ansible_port: 1111, ansible_ssh_port: 2222, ansible_user: "root", ansible_ssh_user: "jk",
      ansible_private_key_file: "k1", ansible_ssh_private_key_file: "k2", ansible_timeout: 11, ansible_ssh_timeout: 22,
      ansible_become: true, ansible_become_password: "one", ansible_become_pass: "two", ansible_sudo_pass: "three",
    }).value).toEqual({
      kind: "ssh", address: "192.0.2.7", port: 2222, user: "jk", privateKeyFile: "k2", sshArguments: [],
      connectTimeoutSeconds: 22, become: { method: "sudo", user: "root", password: "three" },
    });
  });

  test("an empty variable is as none", () => {
    expect(connectionWith({
      ansible_host: "", ansible_ssh_host: "192.0.2.7", ansible_port: "", ansible_user: null, ansible_become: "", ansible_timeout: "",
      ansible_ssh_common_args: "",
    }).value).toEqual({ kind: "ssh", address: "192.0.2.7", sshArguments: [] });
  });

  test("-e wins over the host's variables, and those over -u and -b", () => {
    const variables = { ansible_user: "jk", ansible_become: false };
    const defaults = { user: "root", become: true };
    expect(connectionWith(variables, { defaults }).value).toEqual({ kind: "ssh", address: "dom0a", sshArguments: [], user: "jk" });
    expect(connectionWith({}, { defaults }).value).toMatchObject({ user: "root", become: { user: "root" } });
    const extra = ["ansible_user=root ansible_become=true"];
    expect(connectionWith(variables, { extra }).value).toMatchObject({ user: "root", become: { user: "root" } });
  });

  test.each([
    ["ssh", "ssh"], ["smart", "ssh"], ["ansible.builtin.ssh", "ssh"], ["local", "local"], ["ansible.builtin.local", "local"],
  ])("ansible_connection: %s", (said, kind) => {
    expect(connectionWith({ ansible_connection: said }).value?.kind).toBe(kind);
  });

  test.each<[string, unknown, string]>([
    ["ansible_connection", "paramiko", "no connection is called 'paramiko'"],
    ["ansible_connection", "constructor", "no connection is called 'constructor'"],
    ["ansible_host", "-oProxyCommand=touch x", "'ansible_host' must be a host's name or address, not '-oProxyCommand=touch x'"],
    ["ansible_host", "a b", "'ansible_host' must be a host's name or address, not 'a b'"],
    ["ansible_host", ["a"], "'ansible_host' must be text"],
    ["ansible_port", "ssh", "'ansible_port' must be a port, 1 to 65535"],
    ["ansible_port", 70000, "'ansible_port' must be a port, 1 to 65535"],
    ["ansible_port", true, "'ansible_port' must be a port, 1 to 65535"],
    ["ansible_user", "-l", "'ansible_user' must be a login name, not '-l'"],
    ["ansible_become_user", "-s", "'ansible_become_user' must be a login name, not '-s'"],
    ["ansible_become", "perhaps", "'ansible_become' must be true or false"],
    ["ansible_become_method", "su", "becoming root by 'su' is not built"],
    ["ansible_ssh_common_args", "-o 'x", "in 'ansible_ssh_common_args' this quote is not closed"],
    ["ansible_timeout", "soon", "'ansible_timeout' must be a number of seconds, above 0 and up to 86400"],
    ["ansible_timeout", 0, "'ansible_timeout' must be a number of seconds, above 0 and up to 86400"],
    ["ansible_timeout", "Infinity", "'ansible_timeout' must be a number of seconds, above 0 and up to 86400"],
  ])("%s: %s is refused, and its place shown", (key, value, summary) => {
    const { value: connection, diagnostics } = connectionWith({ ansible_become: true, [key]: value });
    expect(connection).toBeUndefined();
    expect(diagnostics.map((d) => d.summary)).toEqual([summary]);
    const code = key === "ansible_become_method" ? "become" : "connection";
    expect(diagnostics[0]).toMatchObject({ code, severity: "error", subject: { host: "dom0a" } });
    const { source, start = 0, end } = diagnostics[0]?.at ?? {};
    expect(source?.text.slice(start, end)).toBe(JSON.stringify(value));
  });

  test("-u and the inventory's name are looked at as well", () => {
    expect(connectionWith({}, { defaults: { user: "-l" } }).diagnostics[0]?.summary).toBe("-u must be a login name, not '-l'");
    expect(connectionWith({}, { name: "dom0 a" }).diagnostics[0]?.summary).toBe("'dom0 a' can not be a host's address");
    expect(connectionWith({ ansible_host: "a" }, { name: "dom0 a" }).value?.address).toBe("a");
  });

  test("what is not used is no trouble", () => {
    expect(connectionWith({ ansible_become_method: "su", ansible_become_user: "-s" }).diagnostics).toEqual([]);
  });

  test("a recording needs its file", () => {
    expect(connectionWith({ ansible_connection: "recorded" }).diagnostics[0]?.summary).toContain("converge_facts");
    expect(connectionWith({ ansible_connection: "recorded", converge_facts: "a.json" }).value)
      .toMatchObject({ kind: "recorded", factsFile: "a.json" });
  });
});
