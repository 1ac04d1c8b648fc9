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
  "web.yml": `- hosts: all
  move: { strategy: dm, switch: next-reboot, source: keep }
  domains: { web1: { disks: { xvda1: { volume: vg0/web1-xvda1 } } } }
`,
});

function before(): HostState {
  const state = aHost([{ name: "web1", disks: { xvda1: {} } }]);
  return { ...state, host: { ...state.host, name: "dom0a" } };
}

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
  expect(said).toMatch(/reboot/);
});
