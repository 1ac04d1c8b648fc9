import { describe, expect, test } from "vitest";
import { aHost } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** Mistakes that show only once the hosts are read. What a script is told: whether to mend a file (1), or to look at a host (5). */

const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: , dom0b: } }\n",
  "globs.yml": `- hosts: all
  domains:
    "web*": { disks: { xvda1: { volume: vg0/one } } }
    "*-a": { disks: { xvda1: { volume: vg0/two } } }
`,
  "web.yml": `- hosts: all
  domains:
    "web*": { disks: { xvda1: { volume: "vg0/{{ domain }}" } } }
`,
  "no-disk.yml": `- hosts: all
  domains:
    web-a: { disks: { xvdz: { volume: "vg0/{{ domain }}" } } }
`,
  "no-volume.yml": `- hosts: all
  domains:
    "web*": { disks: { xvda1: { size: 1GiB } } }
`,
  "one-volume.yml": `- hosts: all
  domains:
    "web*": { disks: { "*": { volume: "vg0/{{ domain }}" } } }
`,
  "nobody.yml": `- hosts: all
  domains:
    webb-a: { disks: { xvda1: { volume: "vg0/{{ domain }}" } } }
`,
});

describe.each([["--check"], ["--yes"]])("with %s", (how) => {
  test.each([
    { what: "two globs that disagree on one guest", playbook: "globs.yml", exit: 1, says: "web-a" },
    { what: "a disk that the guest has not", playbook: "no-disk.yml", exit: 1, says: "the guest 'web-a' has no disk 'xvdz'" },
    { what: "a disk without a volume", playbook: "no-volume.yml", exit: 1, says: "nothing says which volume xvda1 of web-a goes to" },
    { what: "a volume for two disks", playbook: "one-volume.yml", exit: 1, says: "the volume 'vg0/web-a' is given to two disks" },
    { what: "a guest that no host has", playbook: "nobody.yml", exit: 1, says: "there is no guest 'webb-a'" },
    { what: "a guest that two hosts define", playbook: "web.yml", guests: ["web-a", "web-a"], exit: 5, says: "the guest 'web-a' is defined on dom0a and dom0b" },
    { what: "a volume that is somebody else's", playbook: "web.yml", taken: true, exit: 5, says: "vg0/web-a" },
  ] as const)("$what: nothing is begun on any host, and the exit code is $exit", async ({ playbook, exit, says, ...more }) => {
    const guests = "guests" in more ? more.guests : ["web-a", "web-b"];
    const names = ["dom0a", "dom0b"] as const;
    const hosts = Object.fromEntries(names.map((name) => [name, new FakeHost(name, { events: [] })]));
    const run = await cli(["-i", files["inventory.yml"], how, files[playbook]], {
      hosts,
      states: (name) => {
        const state = aHost([{ name: guests[name === "dom0a" ? 0 : 1], disks: { xvda1: {}, ...(playbook === "one-volume.yml" ? { xvda2: {} } : {}) } }]);
        const theirs = { ...state.volumes, "vg0/web-a": { ...Object.values(state.volumes)[0], group: "vg0", name: "web-a", tags: [] } };
        return { ...state, host: { ...state.host, name }, ...("taken" in more && name === "dom0a" ? { volumes: theirs as typeof state.volumes } : {}) };
      },
    });
    expect(`${run.out}${run.err}`.replace(/\s+/g, " ")).toContain(says);
    expect(run.exit, `${run.out}${run.err}`).toBe(exit);
    if (playbook === "globs.yml" && how === "--yes") expect(run.out).toContain("Nothing was changed, on no host");
    for (const host of Object.values(hosts)) expect(host.submissions).toEqual([]);
  });
});

test("a host that could not be reached is named, and counts for more than a guest that two others define", async () => {
  const more = tempFiles({ "three.yml": "all: { hosts: { dom0a: , dom0b: , dom0c: } }\n" });
  const hosts = Object.fromEntries(["dom0a", "dom0b", "dom0c"].map((name) => [name, new FakeHost(name, { events: [] })]));
  const run = await cli(["-i", more["three.yml"], "--check", files["web.yml"]], {
    hosts,
    states: (name) => {
      const state = aHost([{ name: "web-a", disks: { xvda1: {} } }]);
      return name === "dom0c" ? undefined : { ...state, host: { ...state.host, name } };
    },
  });
  expect(`${run.out}${run.err}`).toContain("the guest 'web-a' is defined on dom0a and dom0b");
  expect(`${run.out}${run.err}`).toContain("dom0c does not answer");
  expect(run.exit, `${run.out}${run.err}`).toBe(4);
});

test.each([
  { what: "is not there", file: "nowhere.json", code: "recording-missing" },
  { what: "is none", file: "inventory.yml", code: "recording-damaged" },
] as const)("a recording that $what is a mistake in the inventory", async ({ file, code }) => {
  const more = tempFiles({ "recorded.yml": `all: { hosts: { dom0a: { ansible_connection: recorded, converge_facts: ${file} } } }\n`, "inventory.yml": "all: {}\n" });
  const run = await cli(["-i", more["recorded.yml"], "--check", files["web.yml"]], { real: true });
  expect(`${run.out}${run.err}`).toContain(`error[${code}]`);
  expect(run.exit).toBe(1);
});
