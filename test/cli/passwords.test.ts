import { describe, expect, test } from "vitest";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** A complaint shows the line that it is about, and never a password on it. */

const files = tempFiles({
  "good.ini": "dom0 ansible_host=192.0.2.7\n",
  "stray.ini": "dom0 ansible_host=192.0.2.7 ansible_become_password=hunter2 oops\n",
  "blanks.ini": "dom0 ansible_become_password=correct hunter2 ansible_port=x\n",
  "port.ini": "dom0 ansible_become_pass='hunter2' ansible_port=x # ansible_password=hunter2\n",
  "open.ini": "dom0 ansible_port=22 ansible_sudo_pass='hunter2\ndom1\n",
  "section.ini": "[xen]\ndom0\nansible_become_password=hunter2\n[xen:vars]\nansible_port=x\n",
  "vars.ini": "[xen]\ndom0\n[xen:vars]\nansible_ssh_pass = hunter2 ansible_port=x\nansible_port = x\nansible_password hunter\n",
  "flow.yml": "all: { hosts: { dom0: { ansible_become_password: hunter2, ansible_port: x } } }\n",
  "block.yml": "all:\n  hosts:\n    dom0:\n      ansible_port: x\n      ansible_become_password: [hunter2]\n",
  "below.yml": "all:\n  hosts:\n    dom0:\n      ansible_become: true\n      ansible_become_password:\n        - hunter2\n",
  "web.yml": "- hosts: all\n  domains:\n    web1: { disks: { xvda1: { volume: vg0/web1-root } } }\n",
});

/** What is said of a run with it. */
async function said(inventory: keyof typeof files, ...options: readonly string[]): Promise<string> {
  const { exit, out, err } = await cli(["--check", "-i", files[inventory], ...options, files["web.yml"]]);
  expect(exit).toBe(1);
  return out + err;
}

describe("no complaint shows a password", () => {
  test.each([
    ["a word behind it", "ansible_become_password=hunter2 oops"],
    ["an open quote", 'ansible_become_password="hunter2'],
    ["a map", '{"ansible_become_password": "hunter2", "ansible_port": "x"}'],
    ["a map that is none", '{"ansible_become_password": "hunter2", "ansible_port" "x"}'],
    ["a list of it", '{ansible_become: true, ansible_become_password: [hunter2, hunter2]}'],
    ["words", "ansible_become_password=correct hunter2 ansible_port=x"],
  ])("of -e: %s", async (_name, option) => {
    const text = await said("good.ini", "-e", option);
    expect(text).not.toContain("hunter2");
    expect(text).toContain("*******");
  });

  test.each([
    "stray.ini", "blanks.ini", "port.ini", "open.ini", "section.ini", "vars.ini", "flow.yml", "block.yml", "below.yml",
  ] as const)("of an inventory: %s", async (name) => {
    expect(await said(name)).not.toContain("hunter2");
  });

  test("its place and the rest of its line are shown as they are", async () => {
    expect(await said("flow.yml")).toContain([
      "   |",
      " 1 | …hosts: { dom0: { ansible_become_password: *******, ansible_port: x } } }",
      "   |                                                                   ^",
    ].join("\n"));
    expect(await said("good.ini", "-e", '{"ansible_become_password": "hunter2", "ansible_port": "x"}')).toContain([
      ' 1 | {"ansible_become_password": *********, "ansible_port": "x"}',
      "   |                                                        ^^^",
    ].join("\n"));
  });

  test("a variable that a password is taken from may be shown", async () => {
    expect(await said("good.ini", "-e", '{"ansible_become": true, "ansible_become_password": "{{ nobody }}"}')).toContain("{{ nobody }}");
  });
});
