import { expect, test } from "vitest";
import { aHost } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: , dom0b: } }\n",
  "web.yml": "- hosts: all\n  domains: { \"web*\": { disks: { xvda1: { volume: \"vg0/{{ domain }}-{{ vdev }}\" } } } }\n",
  lines: "dom0a\ndom0b\n",
  "one-line": "dom0a,dom0b\n",
});

const check = (limit: string) => cli(["--check", "-i", files["inventory.yml"], "-l", `@${limit}`, files["web.yml"]], {
  hosts: { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") },
  states: (name) => {
    const state = aHost([{ name: `web-${name}`, disks: { xvda1: {} } }]);
    return { ...state, host: { ...state.host, name } };
  },
});

test("a file of -l holds one pattern a line, for playbooks as for the inventory", async () => {
  expect((await check(files.lines)).exit).toBe(0);
  const { exit, err } = await check(files["one-line"]);
  expect(exit).toBe(1);
  expect(err).toContain("no host and no group is called 'dom0a,dom0b'");
});
