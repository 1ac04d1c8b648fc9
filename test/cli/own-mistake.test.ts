import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { FakeHost, type FakeEvent } from "./fake-host.js";
import { cli, startCli } from "./in-process.js";
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

  const follows = (events: readonly FakeEvent[], onEnd?: () => void): FakeHost => {
    const host = new FakeHost("dom0b", { events, ...(onEnd === undefined ? {} : { onEnd }) });
    const follow = host.follow.bind(host);
    // what shows an event can not
    host.follow = async (command, onLine, signal) => {
      await follow(command, onLine, signal);
      throw new TypeError("no such event");
    };
    return host;
  };
  const events: readonly FakeEvent[] = [
    { event: "begin", run: "one", domain: "web-dom0b", digest: "d", owner: "alice@laptop" },
    { event: "note", message: "the copy was slow" },
    { event: "down", domain: "web-dom0b" },
  ];

  test("while a run is followed loses nothing of what was heard of it, and says that it goes on; the other host goes on", async () => {
    let moved = false;
    const run = await cli(["-i", files["inventory.yml"], "--yes", files["some.yml"]], {
      hosts: { dom0a: converging(() => (moved = true)), dom0b: follows(events) },
      states: (name) => (name === "dom0a" && moved ? after(name) : before(name)),
    });
    const said = `${run.out}${run.err}`.replace(/\s+/g, " ");
    expect(said).toContain("mistake of its own about dom0b: no such event");
    expect(run.out).toContain("web-dom0a on dom0a: done");
    expect(said).toMatch(/web-dom0b on dom0b: not known: it was not followed to its end; the run goes on by itself on the host .* converge attach /);
    expect(said).toContain("note the copy was slow");
    expect(said).toContain("it was taken down, and has not been seen up again");
    expect(run.exit).toBe(3);
  });

  test("while a run is shown by converge attach is told of that host, and the run goes on", async () => {
    const run = await cli(["attach", "-i", files["inventory.yml"], "dom0b", "web-dom0b"], { hosts: { dom0b: follows(events) } });
    expect(run.err.replace(/\s+/g, " ")).toContain("mistake of its own about dom0b: no such event");
    expect(run.out.replace(/\s+/g, " ")).toContain("The run goes on on dom0b; to follow it again: converge attach");
    expect(run.exit).toBe(3);
  });

  test("while a stop is asked for ends nothing: the run is followed to its end", async () => {
    const host = new FakeHost("dom0b", { events, waitsAfter: 2, onStop: [{ event: "end", outcome: "stopped", message: "as asked" }] });
    const does = host.run.bind(host);
    host.run = (command, options) => {
      if (command.includes("stop")) throw new TypeError("no stop");
      return does(command, options);
    };
    const run = startCli(["attach", "-i", files["inventory.yml"], "dom0b", "web-dom0b"], { hosts: { dom0b: host } });
    await host.isWaiting;
    run.signal("SIGINT");
    // somebody else does
    await does(["sh", "program.sh", "stop"]);
    // what a signal did goes before what failed
    expect(await run.exit).toBe(130);
    expect(run.err().replace(/\s+/g, " ")).toContain("the run may not have been asked to stop, by a mistake of converge's own");
    expect(run.err().replace(/\s+/g, " ")).toContain("mistake of its own about dom0b: no stop");
  });

  test.each([
    ["controller-trouble", /web-dom0b on dom0b: not started dom0b can not be asked/], ["connection-lost", /web-dom0b on dom0b: not known: it may have begun on the host/],
  ])("is not the only reason why nobody hears of a run: with %s it is said to have begun only if it may have", async (code, expected) => {
    const host = new FakeHost("dom0b");
    const does = host.run.bind(host);
    host.run = (command, options) => (options?.stdin === undefined ? does(command, options)
      : Promise.resolve({ value: undefined, diagnostics: [{ severity: "error", code, summary: "dom0b can not be asked" }] }));
    const run = await cli(["-i", files["inventory.yml"], "-l", "dom0b", "--yes", files["one.yml"]], { hosts: { dom0b: host }, states: before });
    expect(run.out.replace(/\s+/g, " ")).toMatch(expected);
    expect(run.exit).toBe(4);
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
