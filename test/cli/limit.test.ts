import { expect, test } from "vitest";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { aHost } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: , dom0b: } }\n",
  "web.yml": "- hosts: all\n  domains: { \"web*\": { disks: { xvda1: { volume: \"vg0/{{ domain }}-{{ vdev }}\" } } } }\n",
  "named.yml": "- hosts: all\n  domains: { web-dom0a: { disks: { xvda1: { volume: vg0/a } } }, web-dom0b: { disks: { xvda1: { volume: vg0/b } } } }\n",
  "slip.yml": "- hosts: all\n  domains: { web-dom0a: { disks: { xvda1: { volume: vg0/a } } }, wbe-dom0b: { disks: { xvda1: { volume: vg0/b } } } }\n",
  "apart.yml": "- hosts: dom0a\n  domains: { web-dom0b: { disks: { xvda1: { volume: vg0/b } } } }\n- hosts: dom0b\n  domains: { \"db*\": {} }\n",
  nothing: "", blank: " \n\n",
  lines: "dom0a\ndom0b\n",
  "one-line": "dom0a,dom0b\n",
});

const check = (limit: string) => run("web.yml", "-l", `@${limit}`);

const run = (playbook: keyof typeof files, ...more: readonly string[]) => cli(["--check", "-i", files["inventory.yml"], ...more, files[playbook]], {
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

test.each([
  ["a variable that is empty", [""]], ["one that is empty, beside what is taken away", [":!dom0b"]], ["a comma alone", [","]], ["one that is empty behind it", ["!dom0b:"]], ["one that is empty in between", ["!dom0b,,&all"]],
  ["a file with nothing in it", [`@${files.nothing}`]], ["a file of blank lines", [`@${files.blank}`]], ["one of several", ["dom0b", " "]],
  ["an empty file, beside what is taken away", [`@${files.nothing},!dom0b`]],
])("a -l that names nothing does not mean all hosts: %s", async (_what, limits) => {
  const { exit, out, err } = await run("web.yml", ...limits.flatMap((limit) => ["-l", limit]));
  expect([exit, out]).toEqual([1, ""]);
  expect(err).toContain("error[host-pattern]: no host and no group is called ''");
});

test("a -l that only takes away leaves the others, as to Ansible", async () => {
  const { exit, out } = await run("web.yml", "-l", "!dom0b");
  expect(exit).toBe(0);
  expect(out).toContain("web-dom0a on dom0a");
  expect(out).not.toContain("web-dom0b on dom0b");
});

test.each(['[""]', '" "', '","', '["{{ target }}"]', '["{{ target }}", "!dom0b"]', '"{{ target }}:!dom0b"', '":&all"'])("hosts that name nothing are not all of them: %s", (hosts) => {
  const inventory = loadInventory(["dom0a,dom0b"], NO_FILES).value;
  if (inventory === undefined) throw new Error("no inventory");
  const text = `- hosts: ${hosts}\n  vars: { target: "" }\n`;
  const { value, diagnostics } = loadPlaybooks([{ file: "web.yml", text }], inventory);
  expect([value, diagnostics.map(({ code }) => code)]).toEqual([undefined, ["host-pattern"]]);
});

test("a guest that is on a host which -l leaves out is passed over, with a word", async () => {
  const { exit, out, err } = await run("named.yml", "-l", "all:!dom0b");
  expect([exit, err.replace(/\s+/g, " ")]).toEqual([0, "note[unknown-domain]: passed over, for they may be on hosts that --limit leaves out: web-dom0b "]);
  expect(out).toContain("web-dom0a on dom0a: 1 disk moves to a logical volume");
  expect(await run("named.yml", "-l", "all")).toMatchObject({ exit: 0, err: "" });
});

test("a slip of the pen is none of these where all hosts are read", async () => {
  const { exit, out, err } = await run("slip.yml");
  expect([exit, out]).toEqual([1, ""]);
  expect(err).toContain("there is no guest 'wbe-dom0b' on any of the 2 hosts");
  expect(err).toContain("did you mean 'web-dom0b'?");
});

test("a guest in the play of another host is not passed over, though a play looks at its own", async () => {
  const { exit, out, err } = await run("apart.yml");
  expect([exit, out]).toEqual([1, ""]);
  expect(err.replace(/\s+/g, " ")).toContain("error[unknown-domain]: there is no guest 'web-dom0b' on dom0a");
  expect(err.replace(/\s+/g, " ")).toContain("It is on dom0b, which this play does not ask it of");
});
