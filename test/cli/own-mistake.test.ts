import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** A mistake of converge's own about one host: the others have nothing to do with it. */

const play = (more: string): string =>
  `- hosts: all\n${more}  domains: { "web*": { disks: { xvda1: { volume: "vg0/{{ domain }}-{{ vdev }}" } } } }\n`;
const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: , dom0b: } }\n",
  "three.yml": "all: { hosts: { dom0a: , dom0b: , dom0c: } }\n",
  "one.yml": play(""),
  "some.yml": play("  serial: 2\n  max_fail_percentage: 50\n"),
});

function before(name: string): HostState {
  const state = aHost([{ name: `web-${name}`, disks: { xvda1: {} } }]);
  return { ...state, host: { ...state.host, name } };
}

function after(name: string): HostState {
  const state = before(name);
  const [plan] = planHost(state, [aWish(`web-${name}`, ["xvda1"])], sha256).domains;
  const simulated = plan === undefined ? undefined : simulate(plan.nodes, startModel(state));
  if (simulated?.ok !== true) throw new Error("the move does not end well");
  return simulated.end.host;
}

/** Nothing that reads it can be right. */
function spoilt(name: string): HostState {
  return { ...before(name), get volumes(): never { throw new TypeError("volumes are not iterable"); } };
}

/** A host whose guest goes over. */
function converging(onEnd: () => void): FakeHost {
  return new FakeHost("dom0a", {
    events: [
      { event: "begin", run: "one", domain: "web-dom0a", digest: "d", owner: "alice@laptop" },
      { event: "end", outcome: "done", message: "" },
    ],
    onEnd,
  });
}

const mistake = "error[internal-error]: converge has made a mistake of its own about dom0b: volumes are not iterable";

describe("a mistake of converge's own about one host", () => {
  test("is told of that host, and where it happened; the others are previewed, and the exit code is 3", async () => {
    const hosts = { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") };
    const run = await cli(["-i", files["inventory.yml"], "--check", files["one.yml"]], {
      hosts, states: (name) => (name === "dom0b" ? spoilt(name) : before(name)),
    });
    const said = `${run.out}${run.err}`.replace(/\s+/g, " ");
    expect(said).toContain(mistake);
    expect(said).toMatch(/note: at diffDisk in diff-domain\.\w+:\d+:\d+/);
    expect(run.out).toContain("web-dom0a on dom0a: 1 disk moves");
    expect(run.exit).toBe(3);
  });

  test("is told, and has its exit code, beside what only all hosts together show", async () => {
    const hosts = Object.fromEntries(["dom0a", "dom0b", "dom0c"].map((name) => [name, new FakeHost(name)]));
    const twice = (name: string): HostState => ({ ...before("dom0a"), host: { ...before("dom0a").host, name } });
    const look = (states: (name: string) => HostState) => cli(["-i", files["three.yml"], "--check", files["one.yml"]], { hosts, states });
    const whole = await look((name) => (name === "dom0b" ? before(name) : twice(name)));
    expect([whole.exit, whole.out + whole.err]).toEqual([5, expect.stringContaining("is defined on dom0a and dom0c") as unknown]);
    const run = await look((name) => (name === "dom0b" ? spoilt(name) : twice(name)));
    expect(`${run.out}${run.err}`.replace(/\s+/g, " ")).toContain(mistake);
    expect(run.exit).toBe(3);
  });

  test("counts as one host that failed, for what its play permits", async () => {
    let moved = false;
    const hosts = {
      dom0a: converging(() => (moved = true)),
      dom0b: new FakeHost("dom0b"),
    };
    const states = (name: string): HostState => (name === "dom0b" ? spoilt(name) : moved ? after(name) : before(name));
    const strict = await cli(["-i", files["inventory.yml"], "--yes", files["one.yml"]], { hosts, states });
    expect([strict.exit, moved]).toEqual([3, false]);
    const lenient = await cli(["-i", files["inventory.yml"], "--yes", files["some.yml"]], { hosts, states });
    expect(lenient.out).toContain("web-dom0a on dom0a: done");
    expect([lenient.exit, moved]).toEqual([3, true]);
    expect(hosts.dom0b.submissions).toEqual([]);
  });

  test("in the look right before a guest is touched begins nothing, and the exit code is 3", async () => {
    let looks = 0;
    const host = new FakeHost("dom0a");
    const run = await cli(["-i", files["inventory.yml"], "-l", "dom0a", "--yes", files["one.yml"]], {
      hosts: { dom0a: host }, states: (name) => ((looks += 1) > 1 ? spoilt(name) : before(name)),
    });
    expect(`${run.out}${run.err}`.replace(/\s+/g, " ")).toContain("mistake of its own about dom0a");
    expect(host.submissions).toEqual([]);
    expect(run.exit).toBe(3);
  });

  test("where its program is made or sent is told with what to do about a run that may have begun; the other host goes on", async () => {
    let moved = false;
    const sent = new FakeHost("dom0b");
    const runs = sent.run.bind(sent);
    sent.run = (command, options) => {
      if (options?.stdin !== undefined) throw new TypeError("no program");
      return runs(command, options);
    };
    const hosts = {
      dom0a: converging(() => (moved = true)),
      dom0b: sent,
    };
    const run = await cli(["-i", files["inventory.yml"], "--yes", files["some.yml"]], {
      hosts, states: (name) => (name === "dom0a" && moved ? after(name) : before(name)),
    });
    const said = `${run.out}${run.err}`.replace(/\s+/g, " ");
    expect(said).toContain("mistake of its own about dom0b: no program");
    expect(run.out).toContain("web-dom0a on dom0a: done");
    expect(said).toMatch(/not known: it may have begun on the host.* converge attach .*dom0b (\\ )?web-dom0b/);
    expect(run.exit).toBe(3);
  });

  test("after a run is told as one that could not be looked at", async () => {
    let moved = false;
    const hosts = {
      dom0a: converging(() => (moved = true)),
    };
    const run = await cli(["-i", files["inventory.yml"], "-l", "dom0a", "--yes", files["one.yml"]], {
      hosts, states: (name) => (moved ? spoilt(name) : before(name)),
    });
    expect(`${run.out}${run.err}`.replace(/\s+/g, " ")).toContain("mistake of its own about dom0a");
    expect(run.err + run.out).toContain("not-verified");
    expect(run.exit).toBe(3);
  });
});
