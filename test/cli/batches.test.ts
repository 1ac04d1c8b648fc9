import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { worst } from "../../src/edge/cli/exit-code.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import type { FakeEvent } from "./fake-host.js";
import { FakeHost } from "./fake-host.js";
import { cli, startCli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** Several hosts of one play: how many at a time, and what a failure means for those after it. */

const play = (more: string): string =>
  `- hosts: all\n${more}  domains: { "web*": { disks: { xvda1: { volume: "vg0/{{ domain }}-{{ vdev }}" } } } }\n`;
const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: , dom0b: , dom0c: , dom0d: } }\n",
  "one.yml": play(""),
  "pairs.yml": play("  serial: 2\n"),
  "half.yml": play("  serial: 2\n  max_fail_percentage: 50\n"),
  "third.yml": play("  serial: 3\n  max_fail_percentage: 34\n"),
  "all.yml": play("  serial: 4\n"),
});

const NAMES = ["dom0a", "dom0b", "dom0c", "dom0d"] as const;
const guestOf = (host: string): string => `web-${host.at(-1) ?? ""}`;

function before(host: string): HostState {
  const state = aHost([{ name: guestOf(host), disks: { xvda1: {} } }]);
  return { ...state, host: { ...state.host, name: host } };
}

function after(host: string): HostState {
  const state = before(host);
  const [plan] = planHost(state, [aWish(guestOf(host), ["xvda1"])], sha256).domains;
  const simulated = plan === undefined ? undefined : simulate(plan.nodes, startModel(state));
  if (simulated?.ok !== true) throw new Error("the move does not end well");
  return simulated.end.host;
}

/** The same of a plan of all four that was saved before, of which a part is taken. */
async function applySaved(playbook: keyof typeof files, failing: readonly string[], ...options: readonly string[]) {
  const plan = join(files.dir, "saved.json");
  const hosts = Object.fromEntries(NAMES.map((name) => [name, new FakeHost(name)]));
  await cli(["-i", files["inventory.yml"], "--check", "--out", plan, files[playbook]], { hosts, states: before });
  return runFiles(undefined, ["apply", plan], failing, ...options);
}

/** Four hosts, each with a guest to move; runs on the ones named in `failing` fail, and one may never be reached. */
function run(playbook: keyof typeof files, failing: readonly string[], ...options: readonly string[]) {
  return runWithout(undefined, playbook, failing, ...options);
}

function runWithout(away: string | undefined, playbook: keyof typeof files, failing: readonly string[], ...options: readonly string[]) {
  return runFiles(away, ["-i", files["inventory.yml"], files[playbook]], failing, ...options);
}

function runFiles(away: string | undefined, what: readonly string[], failing: readonly string[], ...options: readonly string[]) {
  const states = new Map<string, HostState>(NAMES.filter((name) => name !== away).map((name) => [name, before(name)]));
  let running = 0;
  let most = 0;
  const hosts = Object.fromEntries(NAMES.map((name) => {
    const fails = failing.includes(name);
    const events: FakeEvent[] = [
      { event: "begin", run: "one", domain: guestOf(name), digest: "d", owner: "alice@laptop" },
      { event: "step", id: "a", kind: "copy-files", phase: "prepare", title: "Copy the files" },
      { event: "end", outcome: fails ? "failed" : "done", message: "" },
    ];
    const host = new FakeHost(name, {
      events, waitsAfter: 2, onStop: events.slice(2),
      onEnd: () => {
        running -= 1;
        if (!fails) states.set(name, after(name));
      },
    });
    void host.isWaiting.then(async () => {
      running += 1;
      most = Math.max(most, running);
      // the others of its batch come as far as this meanwhile
      for (let turns = 0; turns < 200; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      await host.run(["go", "stop"]);
    });
    return [name, host];
  }));
  const started = startCli([...what, "--yes", ...options], { hosts, states: (name) => states.get(name) });
  return started.exit.then((exit) => ({
    exit, most, out: started.out(), begun: NAMES.filter((name) => (hosts[name]?.submissions.length ?? 0) > 0),
  }));
}

describe("several hosts", () => {
  test("are taken one at a time, where nothing else is said", async () => {
    expect(await run("one.yml", [])).toMatchObject({ exit: 0, most: 1, begun: NAMES });
  });

  test("are taken side by side, as many as `serial` says", async () => {
    expect(await run("pairs.yml", [])).toMatchObject({ exit: 0, most: 2, begun: NAMES });
  });

  test("but never more than --forks", async () => {
    expect(await run("pairs.yml", [], "--forks", "1")).toMatchObject({ exit: 0, most: 1, begun: NAMES });
  });

  test("after a failure none is begun, and the recap says so", async () => {
    const { exit, begun, out } = await run("one.yml", ["dom0b"]);
    expect({ exit, begun }).toEqual({ exit: 3, begun: ["dom0a", "dom0b"] });
    expect(out).toMatch(/web-a on dom0a: done[^]*web-b on dom0b: failed[^]*web-c on dom0c: not/);
    expect(await run("pairs.yml", ["dom0a"])).toMatchObject({ exit: 3, begun: ["dom0a", "dom0b"] });
  });

  test("after a failure none of the same batch is begun either", async () => {
    const { exit, begun, out } = await run("all.yml", ["dom0a"], "--forks", "1");
    expect({ exit, begun }).toEqual({ exit: 3, begun: ["dom0a"] });
    expect(out).toMatch(/web-b on dom0b: not started[^]*web-d on dom0d: not started/);
  });

  test("one that the preview did not reach is among the failed of its batch", async () => {
    expect(await runWithout("dom0a", "third.yml", [])).toMatchObject({ exit: 4, begun: ["dom0b", "dom0c", "dom0d"] });
    expect(await runWithout("dom0a", "third.yml", ["dom0c"])).toMatchObject({ exit: 3, begun: ["dom0b", "dom0c"] });
  });

  test("of a saved plan of which `-l` takes a part, only those count that are taken", async () => {
    expect(await applySaved("third.yml", ["dom0a"])).toMatchObject({ exit: 3, begun: NAMES });
    expect(await applySaved("third.yml", ["dom0a"], "-l", "dom0a,dom0d")).toMatchObject({ exit: 3, begun: ["dom0a"] });
  });

  test("go on while no more of a batch failed than max_fail_percentage", async () => {
    expect(await run("half.yml", ["dom0a"])).toMatchObject({ exit: 3, begun: NAMES });
    expect(await run("half.yml", ["dom0a", "dom0b"])).toMatchObject({ exit: 3, begun: ["dom0a", "dom0b"] });
  });
});

test("who declines where a host was not reached hears of that by the exit code, too", async () => {
  const host = new FakeHost("dom0a");
  const { exit, out } = await cli(["-i", files["inventory.yml"], "-l", "dom0a,dom0b", files["half.yml"]], {
    hosts: { dom0a: host, dom0b: new FakeHost("dom0b") }, states: (name) => (name === "dom0b" ? undefined : before(name)), typed: "n\n",
  });
  expect(out).toContain("Nothing was changed.");
  expect([exit, host.submissions]).toEqual([4, []]);
});

test.each(["text", "--json"] as const)("a host of which a guest is refused is left out where the play permits that, as its preview says (%s)", async (how) => {
  const states = new Map<string, HostState>(NAMES.map((name) => [name, before(name)]));
  const mixed = aHost([{ name: "web-a", disks: { xvda1: {} } }, { name: "web-x", disks: { xvda1: {} } }]);
  const [theirs] = Object.values(aHost([{ name: "web-a", disks: { xvda1: {} } }]).volumes);
  if (theirs === undefined) throw new Error("the host has no volume");
  states.set("dom0a", { ...mixed, host: { ...mixed.host, name: "dom0a" }, volumes: { ...mixed.volumes, "vg0/web-x-xvda1": { ...theirs, name: "vg0/web-x-xvda1", tags: [] } } });
  const hosts = Object.fromEntries(NAMES.map((name) => [name, new FakeHost(name, {
    events: [{ event: "begin", run: "one", domain: guestOf(name), digest: "d", owner: "alice@laptop" }, { event: "end", outcome: "done", message: "" }],
    onEnd: () => states.set(name, after(name)),
  })]));
  const { exit, out } = await cli(
    ["-i", files["inventory.yml"], files["half.yml"], ...(how === "text" ? [] : [how]), "--yes"], { hosts, states: (name) => states.get(name) },
  );
  expect(out).toContain(how === "text" ? "dom0a: refused, nothing will be done there" : '"host":"dom0a","refused":true,"domains":[]');
  expect({ exit, begun: NAMES.filter((name) => (hosts[name]?.submissions.length ?? 0) > 0) }).toEqual({ exit: 5, begun: ["dom0b", "dom0c", "dom0d"] });
});

test("of several guests on one host none is begun after one that failed", async () => {
  const state = aHost(["web-a", "web-b", "web-c"].map((name) => ({ name, disks: { xvda1: {} } })));
  const host = new FakeHost("dom0a", {
    events: [
      { event: "begin", run: "one", domain: "web-a", digest: "d", owner: "alice@laptop" },
      { event: "end", outcome: "failed", message: "the copy failed" },
    ],
  });
  const { exit, out } = await cli(["-i", files["inventory.yml"], files["one.yml"], "-l", "dom0a", "--yes"], { hosts: { dom0a: host }, states: () => state });
  expect({ exit, begun: host.submissions.length }).toEqual({ exit: 3, begun: 1 });
  expect(host.submissions[0]).toContain("web-a");
  expect(out).toMatch(/web-a on dom0a: failed[^]*web-b on dom0a: not started[^]*web-c on dom0a: not started/);
});

test("of several exit codes, 3 comes before 4 before 5", () => {
  expect(worst([0, 5, 4, 3])).toBe(3);
  expect(worst([5, 0, 4])).toBe(4);
  expect(worst([2, 5])).toBe(5);
  expect(worst([])).toBe(0);
});
