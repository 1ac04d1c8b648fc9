import { describe, expect, test } from "vitest";
import { connectionOf, splitWords } from "../../src/edge/hosts/connection.js";

describe("a connection from inventory variables", () => {
  test("without any is ssh to the host's name", () => {
    expect(connectionOf("dom0a", {})).toEqual({
      diagnostics: [],
      value: {
        name: "dom0a", kind: "ssh", address: "dom0a", sshArgs: [], become: false, becomeUser: "root",
        connectTimeoutSeconds: 10,
      },
    });
  });

  test("with all of Ansible's names", () => {
    const { value, diagnostics } = connectionOf("dom0a", {
      ansible_host: "192.0.2.7", ansible_port: "2222", ansible_user: "jk", ansible_timeout: 3,
      ansible_ssh_private_key_file: "~/.ssh/xen", ansible_ssh_common_args: "-o 'ProxyJump=a b' -4", ansible_ssh_extra_args: "-v",
      ansible_become: "yes", ansible_become_user: "xen", ansible_become_pass: "s3cret",
    });
    expect(diagnostics).toEqual([]);
    expect(value).toEqual({
      name: "dom0a", kind: "ssh", address: "192.0.2.7", port: 2222, user: "jk", privateKeyFile: "~/.ssh/xen",
      sshArgs: ["-o", "ProxyJump=a b", "-4", "-v"], connectTimeoutSeconds: 3,
      become: true, becomeUser: "xen", becomePassword: "s3cret",
    });
  });

  test("the command line wins", () => {
    const { value } = connectionOf("a", { ansible_user: "jk", ansible_become: false }, { user: "root", become: true });
    expect(value).toMatchObject({ user: "root", become: true });
  });

  test.each([
    ["ansible_connection", "paramiko"], ["ansible_host", "-oProxyCommand=touch x"], ["ansible_host", "a b"],
    ["ansible_port", "ssh"], ["ansible_port", 70000], ["ansible_user", "-l"], ["ansible_become", "perhaps"],
    ["ansible_become_method", "su"], ["ansible_ssh_common_args", "-o 'x"], ["ansible_timeout", "soon"],
    ["ansible_host", ["a"]],
  ])("%s: %s is refused", (key, value) => {
    const { value: connection, diagnostics } = connectionOf("dom0a", { [key]: value });
    expect(connection).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ code: "inventory-connection", severity: "error", subject: { host: "dom0a" } });
    expect(diagnostics[0]?.summary).toContain(key);
  });

  test("a recording needs its file", () => {
    expect(connectionOf("a", { ansible_connection: "recorded" }).diagnostics[0]?.summary).toContain("converge_facts");
    expect(connectionOf("a", { ansible_connection: "recorded", converge_facts: "a.json" }).value)
      .toMatchObject({ kind: "recorded", recording: "a.json" });
  });
});

test.each([
  ["", []],
  ["  -o  A=b\t-v\n", ["-o", "A=b", "-v"]],
  [`-o 'ProxyCommand=ssh -W %h:%p "x y"'`, ["-o", `ProxyCommand=ssh -W %h:%p "x y"`]],
  [`-o "a\\"b\\c" ''`, ["-o", `a"b\\c`, ""]],
  [`a\\ b`, ["a b"]],
  [`a'b'"c"d`, ["abcd"]],
  [`'open`, undefined],
])("words of %s", (text, words) => {
  expect(splitWords(text)).toEqual(words);
});
