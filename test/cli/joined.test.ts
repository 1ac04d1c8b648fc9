import { expect, test } from "vitest";
import type { HostState, RunRecord } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** A run of somebody else's that wants the same, and moves nothing: it makes the guest ready for its own reboot. */

const MOVE = { strategy: "dm", switch: "next-reboot", source: "keep" } as const;
const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: } }\n",
  "two.yml": "all: { hosts: { dom0a: , dom0b: } }\n",
  "both.yml": `- hosts: all
  serial: 2
  max_fail_percentage: 100
  domains: { "web*": { disks: { xvda1: { volume: "vg0/{{ domain }}-xvda1" } } } }
`,
  "web.yml": `- hosts: all
  move: { strategy: dm, switch: next-reboot, source: keep }
  domains: { web1: { disks: { xvda1: { volume: vg0/web1-xvda1 } } } }
`,
});

function before(): HostState {
  const state = aHost([{ name: "web1", disks: { xvda1: {} } }]);
  return { ...state, host: { ...state.host, name: "dom0a" } };
}

test("a host that goes away right before its run is joined ends the command for no other", async () => {
  const inventory = files["two.yml"];
  const away = new FakeHost("dom0a");
  away.run = () => Promise.resolve({ value: undefined, diagnostics: [{ severity: "error", code: "host-unreachable", summary: "dom0a does not answer" }] });
  const state = (name: string): HostState => {
    const made = aHost([{ name: name === "dom0a" ? "web1" : "web2", disks: { xvda1: {} } }]);
    return { ...made, host: { ...made.host, name } };
  };
  const digests = await cli(["--check", "--json", "-i", inventory, files["both.yml"]], { hosts: { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") }, states: state });
  const digest = /"domain":"web1"[^]*?"digest":"([^"]+)"/.exec(digests.out)?.[1] ?? "";
  const run: RunRecord = { run: "one", domain: "web1", digest, state: "running", owner: "bob@desk", since: 1_700_000_000 };
  const other = new FakeHost("dom0b", { events: [
    { event: "begin", run: "one", domain: "web2", digest: "d", owner: "alice@laptop" }, { event: "end", outcome: "done", message: "all steps are done" },
  ] });
  const { exit, out, err } = await cli(["-i", inventory, files["both.yml"], "--yes"], {
    hosts: { dom0a: away, dom0b: other }, states: (name) => ({ ...state(name), ...(name === "dom0a" ? { runs: [run] } : {}) }),
  });
  expect(out + err).not.toContain("mistake of its own");
  expect(out).toMatch(/web1 on dom0a: not known: the connection was lost/);
  expect(out).toMatch(/web2 on dom0b: /);
  expect(other.submissions).toHaveLength(1);
  expect(exit).toBe(3);
});

test("that run is followed, and its end is none of a move: the image is in use, and nobody is told to remove it", async () => {
  const ARGUMENTS = ["-i", files["inventory.yml"], files["web.yml"]];
  const preview = await cli(["--check", "--json", ...ARGUMENTS], { hosts: { dom0a: new FakeHost("dom0a") }, states: before });
  const digest = /"digest":"([^"]+)"/.exec(preview.out)?.[1] ?? "";
  const [plan] = planHost(before(), [aWish("web1", ["xvda1"], MOVE)], sha256).domains;
  const simulated = simulate(plan?.nodes ?? [], startModel(before()));
  if (!simulated.ok) throw new Error(simulated.why);
  const ready = simulated.end.host;
  const run: RunRecord = { run: "one", domain: "web1", digest, state: "running", owner: "bob@desk", since: 1_700_000_000 };
  let done = false;
  const host = new FakeHost("dom0a", {
    events: [
      { event: "begin", run: "one", domain: "web1", digest, owner: "bob@desk" },
      { event: "end", outcome: "done", message: "all steps are done" },
    ],
    onEnd: () => { done = true; },
  });
  const { exit, out } = await cli([...ARGUMENTS, "--yes"], { hosts: { dom0a: host }, states: () => (done ? ready : { ...before(), runs: [run] }) });
  expect(exit, out).toBe(0);
  expect(host.submissions).toEqual([]);
  const said = out.replaceAll(/\s+/g, " ");
  expect(said).toContain("and is followed");
  expect(said).not.toMatch(/no longer in use|rm --|now volume/);
  expect(said).toContain("for the guest's own next reboot");
});
