import { describe, expect, test } from "vitest";
import type { HostState, RunRecord } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, NIGHTS, sha256, withFullImages } from "../support/a-host.js";
import type { FakeEvent, FakeRun } from "./fake-host.js";
import { FakeHost } from "./fake-host.js";
import { cli, startCli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** A run that waits for its window keeps neither the terminal nor the next host. */

const files = tempFiles({
  "inventory.yml": "all:\n  hosts:\n    dom0a:\n    dom0b:\n",
  "web.yml": `- hosts: all
  move: { strategy: md, switch: suspend, finish: window, window: "02:00-05:00" }
  domains: { "web*": { disks: { xvda1: { volume: "vg0/{{ domain }}-xvda1" } } } }
`,
  "other.yml": `- hosts: dom0a
  move: { strategy: md, switch: suspend, finish: now }
  domains: { "web*": { disks: { xvda1: { volume: "vg0/{{ domain }}-xvda1" } } } }
`,
});
const INVENTORY = ["-i", files["inventory.yml"]];
const WEB = [...INVENTORY, files["web.yml"]];
const ONE = [...WEB, "-l", "dom0a"];
const MOVE = { strategy: "md", switch: "suspend", finish: "window", window: NIGHTS } as const;

const BEGIN: FakeEvent = { event: "begin", run: "one", domain: "web1", digest: "d", owner: "alice@laptop" };
const TITLE = "Wait for 02:00-05:00 by Dom0's clock, with 4 s of it left";
const WAIT: readonly FakeEvent[] = [
  BEGIN, { event: "down", domain: "web1" }, { event: "ready", domain: "web1", downtime: 3.1 }, { event: "commit", domain: "web1" },
  { event: "step", id: "await-window", kind: "await-window", phase: "switch", title: TITLE },
  { event: "waiting", id: "await-window", domain: "web1", window: "02:00-05:00", opens: 10_980, clock: "Thu 22:57 CET" },
];
const REST: readonly FakeEvent[] = [
  { event: "done", id: "await-window", seconds: 10_980 }, { event: "down", domain: "web1" }, { event: "ready", domain: "web1", downtime: 2.9 },
  { event: "end", outcome: "done", message: "all steps are done" },
];

function hostState(name: string): HostState {
  const state = withFullImages(aHost([{ name: name === "dom0b" ? "web2" : "web1", disks: { xvda1: {} } }]));
  return { ...state, host: { ...state.host, name } };
}

const planOfIt = (name: string) => {
  const [plan] = planHost(hostState(name), [aWish("web1", ["xvda1"], MOVE)], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  return plan;
};

/** As the host is in the wait: all is done but what comes after it. */
function inTheWait(name: string, digest: string): HostState {
  const { nodes } = planOfIt(name);
  const simulated = simulate(nodes.slice(0, nodes.findIndex(({ id }) => id === "await-window")), startModel(hostState(name)));
  if (!simulated.ok) throw new Error(simulated.why);
  const run: RunRecord = {
    run: "one", domain: "web1", digest, state: "running", owner: "bob@desk", since: 1_700_000_000, committedAt: 1_700_000_050,
    step: { title: TITLE, at: 1_700_000_060, waits: true },
  };
  return { ...simulated.end.host, runs: [run] };
}

/** A run that waits, and goes no further until it is asked to stop. */
function waitingRun(name: string, more: Partial<FakeRun> = {}): FakeHost {
  return new FakeHost(name, { events: [...WAIT, ...REST], waitsAfter: WAIT.length, onStop: REST, ...more });
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

/** As the playbook's wish has it. */
async function digestOf(): Promise<string> {
  const { out } = await cli(["--check", "--json", ...ONE], { hosts: { dom0a: new FakeHost("dom0a") }, states: hostState });
  const plan = out.split("\n").map((line) => (line === "" ? {} : JSON.parse(line)) as { type?: string; domains?: { digest: string }[] }).find(({ type }) => type === "plan");
  return plan?.domains?.[0]?.digest ?? "";
}

test("the preview says which window, by whose clock, and what the second switch takes", async () => {
  const { exit, out } = await cli(["--check", ...ONE], { hosts: { dom0a: new FakeHost("dom0a") }, states: hostState });
  expect(exit).toBe(0);
  expect(flat(out)).toMatch(/window 02:00-05:00, by the clock of dom0a: the second switch waits there for it, and takes about [\d.]+ s of the downtime above/);
  expect(flat(out)).toMatch(/Wait for 02:00-05:00 by Dom0's clock, with \d+ s of it left/);
});

test("the command ends where the wait begins, tells so, takes the next host, and nothing is stopped", async () => {
  const hosts = { dom0a: waitingRun("dom0a"), dom0b: waitingRun("dom0b") };
  const { exit, out, err } = await cli([...WEB, "--yes"], { hosts, states: hostState });
  expect(exit, out + err).toBe(0);
  expect(flat(out)).toContain("web1 on dom0a: runs on its volumes; the second switch waits for its window");
  expect(flat(out)).toContain("web2 on dom0b: runs on its volumes; the second switch waits for its window");
  expect(flat(out)).toContain("waits on dom0b for 02:00-05:00, in 3 h 3 min (the host's clock says Thu 22:57 CET); `converge status` shows it");
  expect(flat(out)).toContain("web1 runs on its volume; the second switch waits for 02:00-05:00");
  for (const host of Object.values(hosts)) {
    expect(host.submissions).toHaveLength(1);
    expect(host.stops).toEqual([]);
  }
});

test("a connection that breaks just then keeps the terminal no longer than until the host answers again", async () => {
  const host = waitingRun("dom0a", { unread: 3 });
  const { exit, out, err } = await cli([...ONE, "--yes"], { hosts: { dom0a: host }, states: hostState });
  expect(exit, out + err).toBe(0);
  expect(flat(out)).toContain("waits on dom0a for 02:00-05:00");
});

describe("the same playbook, while the run waits", () => {
  test("joins it, and ends at once", async () => {
    const digest = await digestOf();
    const host = waitingRun("dom0a");
    const options = { hosts: { dom0a: host }, states: (name: string) => inTheWait(name, digest) };
    const preview = await cli(["--check", ...ONE], options);
    expect(flat(preview.out)).toContain("web1 on dom0a: a run that wants the same waits for its window");
    const { exit, out } = await cli([...ONE, "--yes"], options);
    expect(exit, out).toBe(0);
    expect(flat(out)).toContain("waits on dom0a for 02:00-05:00");
    expect(host.submissions).toEqual([]);
  });

  test("follows it where the window has come since: an old word of a wait ends nothing", async () => {
    const digest = await digestOf();
    let done = false;
    const host = new FakeHost("dom0a", { events: [...WAIT, ...REST], onEnd: () => { done = true; } });
    const moved = (name: string): HostState => {
      const { nodes } = planOfIt(name);
      const simulated = simulate(nodes, startModel(hostState(name)));
      if (!simulated.ok) throw new Error(simulated.why);
      return simulated.end.host;
    };
    const { exit, out } = await cli([...ONE, "--yes"], { hosts: { dom0a: host }, states: (name) => (done ? moved(name) : inTheWait(name, digest)) });
    expect(exit, out).toBe(0);
    expect(out).toContain("web1 on dom0a: done");
  });

  test("with another wish is refused, and says how to end the wait; so is a rollback, and a resume", async () => {
    const host = new FakeHost("dom0a");
    const options = { hosts: { dom0a: host }, states: (name: string) => inTheWait(name, "another") };
    const other = await cli([...INVENTORY, files["other.yml"], "--yes"], options);
    expect(other.exit).toBe(5);
    expect(flat(other.out)).toContain("It waits for its window: `converge attach dom0a web1` and Ctrl-C there end the wait");
    const back = await cli(["rollback", ...INVENTORY, "dom0a", "web1", "--yes"], options);
    expect(back.exit).toBe(5);
    expect(flat(back.out + back.err)).toContain("another run has web1");
    const resumed = await cli(["resume", ...INVENTORY, "dom0a", "web1", "--yes"], options);
    expect(resumed.exit).toBe(5);
    expect(flat(resumed.out + resumed.err)).toContain("the run of web1 is not over");
    expect(host.submissions).toEqual([]);
  });
});

test("status says that it waits, since when and for what", async () => {
  const { exit, out } = await cli(["status", ...INVENTORY, "dom0a"], { hosts: { dom0a: new FakeHost("dom0a") }, states: (name) => inTheWait(name, "d") });
  expect(exit).toBe(0);
  expect(flat(out)).toContain("web1 waits, begun 2023-11-14 22:13:20 UTC by bob@desk");
  expect(flat(out)).toContain(`at ${TITLE} (since 2023-11-14 22:14:20 UTC)`);
  expect(flat(out)).toContain(`next the second switch, by itself; converge attach ${INVENTORY.join(" ")} dom0a web1 follows it, and Ctrl-C there ends the wait`);
  expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test("log has it", async () => {
  const { out } = await cli(["log", ...INVENTORY, "dom0a", "web1"], { hosts: { dom0a: waitingRun("dom0a") }, states: hostState });
  expect(flat(out)).toContain("the second switch waits for 02:00-05:00, in 3 h 3 min (the host's clock says Thu 22:57 CET)");
});

test("attach stays through the wait, and Ctrl-C there ends it: the guest stays where it is", async () => {
  const host = waitingRun("dom0a", {
    onStop: [{ event: "stopping", why: "stopped in the wait for 02:00-05:00" }, { event: "end", outcome: "stopped", message: "stopped on request in the wait" }],
  });
  const run = startCli(["attach", ...INVENTORY, "dom0a", "web1"], { hosts: { dom0a: host }, states: hostState });
  await host.isWaiting;
  run.signal("SIGINT");
  expect(await run.exit).toBe(130);
  expect(host.stops).toHaveLength(1);
  expect(run.err(), "after the commit a run ends by itself; not so one that waits").toContain("asked to stop");
});

test("a saved plan of it is read back, and runs", async () => {
  const plan = `${files.dir}/plan.json`;
  await cli(["--check", "--out", plan, ...ONE], { hosts: { dom0a: new FakeHost("dom0a") }, states: hostState });
  const host = waitingRun("dom0a");
  const { exit, out, err } = await cli(["apply", plan], { hosts: { dom0a: host }, states: hostState });
  expect(exit, out + err).toBe(0);
  expect(host.submissions).toHaveLength(1);
});

test("a window that is too short for the second switch is refused", () => {
  const short = { ...MOVE, window: { text: "02:00-02:01", spans: [{ start: 120, minutes: 1 }] } };
  const state = hostState("dom0a");
  const slow = { domain: "web1", switch: "suspend", shutdownSeconds: 50, startSeconds: 40, downtimeSeconds: 90, bytesPerSecond: 1 };
  const { domains, diagnostics } = planHost({ ...state, history: [slow] }, [aWish("web1", ["xvda1"], short)], sha256);
  expect(domains).toEqual([]);
  expect(diagnostics.map(({ code, summary }) => `${code}: ${summary}`)).toEqual([
    "window-too-short: the window 02:00-02:01 has 60 s, and the second switch is reckoned to take 90 s",
  ]);
});

test("--json has the wait in the recap, for whoever comes back for it", async () => {
  const { out } = await cli([...ONE, "--json", "--yes"], { hosts: { dom0a: waitingRun("dom0a") }, states: hostState });
  const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.find((line) => line["type"] === "recap")).toMatchObject({
    end: "waiting", waiting: { window: "02:00-05:00", opens: 10_980, clock: "Thu 22:57 CET" },
  });
  expect(lines.at(-1)).toEqual({ type: "end", exit: 0 });
});
