import { execFile, execFileSync, spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, sha256, MIB, swap } from "../support/a-host.js";
import { tempFolder } from "../support/temp-folder.js";
import type { FakeEvent } from "./fake-host.js";
import { FakeHost } from "./fake-host.js";
import { cli, startCli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const files = tempFiles({
  "inventory.yml": "all:\n  hosts:\n    dom0a:\n    dom0b:\n",
  "web.yml": `- hosts: dom0a
  domains:
    web1:
      disks:
        xvda1: { volume: vg0/web1-xvda1 }
        xvda2: { volume: vg0/web1-xvda2 }
      move: { strategy: rsync, downtime: 40s }
`,
  "both.yml": "",
  "pool.yml": `- hosts: all
  domains:
    "web*":
      disks: { xvda1: { volume: "vg0/{{ domain }}-{{ vdev }}" } }
`,
});
const INVENTORY = ["-i", files["inventory.yml"]];
const WEB = [...INVENTORY, files["web.yml"]];

const before = aHost([{ name: "web1", disks: { xvda1: { bytes: 512 * MIB }, xvda2: { bytes: 64 * MIB, content: swap("u", 64 * MIB) } } }]);

/** The host as the plan leaves it. */
function after(state: HostState): HostState {
  const [plan] = planHost(state, [aWish("web1", ["xvda1", "xvda2"], { downtimeSeconds: 40 })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  const simulated = simulate(plan.nodes, startModel(state));
  if (!simulated.ok) throw new Error(simulated.why);
  return simulated.end.host;
}

const BEGIN: FakeEvent = { event: "begin", run: "one", domain: "web1", digest: "d", owner: "alice@laptop" };
const COPY: FakeEvent[] = [
  { event: "step", id: "xvda1.copy-files", kind: "copy-files", phase: "prepare", title: "Copy the files" },
  { event: "progress", id: "xvda1.copy-files", bytes: 1048576, percent: 50, rate: 524288, left: 2 },
  { event: "done", id: "xvda1.copy-files", seconds: 4 },
];
const SWITCH: FakeEvent[] = [
  { event: "down", domain: "web1" }, { event: "commit", domain: "web1" }, { event: "ready", domain: "web1", downtime: 11.2 },
];
const DONE: FakeEvent = { event: "end", outcome: "done", message: "all steps are done" };

/** A host that is converged by its run. */
function converging(script: Partial<ConstructorParameters<typeof FakeHost>[1]> = {}): { host: FakeHost; states: () => HostState } {
  let state = before;
  const host = new FakeHost("dom0a", {
    events: [BEGIN, ...COPY, ...SWITCH, DONE],
    onEnd: () => {
      state = after(before);
    },
    ...script,
  });
  return { host, states: () => state };
}

describe("check", () => {
  test("shows what would change and changes nothing", async () => {
    const host = new FakeHost("dom0a");
    const { exit, out } = await cli(["--check", ...WEB], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(0);
    expect(out).toContain("web1 on dom0a: 2 disks move to logical volumes");
    expect(out).toContain("+ volume vg0/web1-xvda1, 512 MiB, ext4");
    expect(out).toContain("xl shutdown -- web1");
    expect(host.commands).toEqual([]);
  });

  test("plan is the same as --check", async () => {
    const options = { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before };
    const check = await cli(["--check", ...WEB], options);
    expect(await cli(["plan", ...WEB], options)).toEqual(check);
  });

  test("--detailed-exitcode tells pending changes from none", async () => {
    const hosts = { dom0a: new FakeHost("dom0a") };
    const argv = ["--check", "--detailed-exitcode", ...WEB];
    expect((await cli(argv, { hosts, states: () => before })).exit).toBe(2);
    const none = await cli(argv, { hosts, states: () => after(before) });
    expect(none).toMatchObject({ exit: 0, out: "dom0a: nothing to do\n" });
  });

  test("a host that is not reached gives 4, and beats a refused one", async () => {
    const hosts = { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") };
    const refused = { ...before, managers: ["libvirt"] };
    const states = (host: string): HostState | undefined => (host === "dom0a" ? refused : undefined);
    expect((await cli(["--check", ...INVENTORY, files["pool.yml"]], { hosts, states })).exit).toBe(4);
    expect((await cli(["--check", "-l", "dom0a", ...INVENTORY, files["pool.yml"]], { hosts, states })).exit).toBe(5);
  });

  test("--json prints one object a line, with commands as words", async () => {
    const { out } = await cli(["--check", "--json", ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => line["type"])).toEqual(["begin", "plan", "end"]);
    expect(out).toContain('"command":["xl","shutdown","--","web1"]');
  });
});

describe("apply", () => {
  test("asks, runs and recaps", async () => {
    const { host, states } = converging();
    const { exit, out, err } = await cli(WEB, { hosts: { dom0a: host }, states, typed: "y\n" });
    expect(err).toContain("Apply this to 1 guest on 1 host? [y/N]");
    expect(exit).toBe(0);
    expect(host.submissions).toHaveLength(1);
    expect(out).toContain("web1 on dom0a: done");
    expect(out).toContain("downtime  11.2 s, forecast 27");
    expect(out).toContain("rm -- /srv/xen/web1/xvda1.img");
  });

  test.each(["n\n", "\n", "maybe\n"])("an answer of %j changes nothing", async (typed) => {
    const { host, states } = converging();
    const { exit, out } = await cli(WEB, { hosts: { dom0a: host }, states, typed });
    expect(exit).toBe(1);
    expect(out).toContain("Nothing was changed.");
    expect(host.commands).toEqual([]);
  });

  test.each([["Ctrl-C", "\u0003"], ["Ctrl-D", "\u0004"]])("%s at the question changes nothing", async (_name, typed) => {
    const { host, states } = converging();
    const { exit, out } = await cli(WEB, { hosts: { dom0a: host }, states, typed });
    expect(exit).toBe(130);
    expect(out).toContain("Nothing was changed.");
    expect(host.commands).toEqual([]);
  });

  test("without a terminal --yes is required", async () => {
    const { host, states } = converging();
    const refused = await cli(WEB, { hosts: { dom0a: host }, states });
    expect(refused).toMatchObject({ exit: 1, out: "" });
    expect(refused.err).toContain("Add --yes to apply");
    expect(host.commands).toEqual([]);
    expect((await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states })).exit).toBe(0);
  });

  test("a second run finds nothing to do", async () => {
    const { host } = converging();
    const again = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => after(before) });
    expect(again).toEqual({ exit: 0, out: "dom0a: nothing to do\n", err: "" });
    expect(host.commands).toEqual([]);
  });

  test("what was seen just before is not looked at again before the run, and afterwards it is", async () => {
    const looks = async (atOnce: boolean): Promise<number> => {
      const { host, states } = converging();
      let count = 0;
      const { exit } = await cli(["--yes", ...WEB], {
        hosts: { dom0a: host }, atOnce,
        states: () => {
          count += 1;
          return states();
        },
      });
      expect(exit).toBe(0);
      return count;
    };
    expect(await looks(true)).toBe(2);
    expect(await looks(false)).toBe(3);
  });

  test("a host that changes between preview and run is refused, and the difference named", async () => {
    const { host } = converging();
    let looks = 0;
    const states = (): HostState => {
      looks += 1;
      return looks === 1 ? before : { ...before, host: { ...before.host, bootId: "boot-2" } };
    };
    const { exit, err } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states });
    expect(exit).toBe(5);
    expect(err).toContain("boot-1");
    expect(err).toContain("boot-2");
    expect(host.submissions).toEqual([]);
  });

  test("what one guest's run took changes nothing of what was shown for the next, though its figures would", async () => {
    const disks = { xvda1: { bytes: 512 * MIB } };
    let state = aHost([{ name: "web1", disks }, { name: "web2", disks }]);
    // much slower than any guess: the next plan would have another budget for its copy, and auto might pick another way
    const past = { domain: "web1", strategy: "rsync", shutdownSeconds: 90, startSeconds: 90, downtimeSeconds: 200, bytesPerSecond: 4096, restSeconds: 900 };
    let next = "web1";
    const host = new FakeHost("dom0a", {
      events: [BEGIN, ...COPY, ...SWITCH, DONE],
      onEnd: () => {
        const wishes = [aWish(next, ["xvda1"], { strategy: "rsync" })];
        const [plan] = planHost(state, wishes, sha256).domains;
        const simulated = plan === undefined ? undefined : simulate(plan.nodes, startModel(state));
        if (simulated?.ok !== true) throw new Error(`nothing was done to ${next}`);
        state = { ...simulated.end.host, history: [past] };
        next = "web2";
      },
    });
    writeFileSync(files["both.yml"], readFileSync(files["pool.yml"], "utf8").replace("hosts: all", "hosts: dom0a").replace("disks:", "move: { strategy: rsync }\n      disks:"));
    const { exit, out } = await cli([...INVENTORY, files["both.yml"], "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(out).toMatch(/web1 on dom0a: done[^]*web2 on dom0a: done/);
    expect(exit).toBe(0);
  });

  test("a host that still differs afterwards has failed", async () => {
    const { host } = converging();
    const { exit, out } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(3);
    expect(out).toContain("planning again finds work left");
  });

  test("a run that fails tells where and with what words", async () => {
    const { host } = converging({
      events: [BEGIN, ...COPY.slice(0, 1),
        { event: "failed", id: "xvda1.copy-files", exit: 11, message: "rsync ended with 11", tail: "rsync: No space left on device" },
        { event: "undo", id: "xvda1.mount", what: "Unmount" },
        { event: "end", outcome: "failed", message: "rsync ended with 11" }],
      onEnd: () => undefined,
    });
    const { exit, out } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(3);
    expect(out).toContain("failed; undone, the guest is on its old disks");
    expect(out).toContain("No space left on device");
  });

  test("the weight that a playbook asks for becomes that of the run's unit", async () => {
    const { host, states } = converging();
    const weighty = join(files.dir, "weighty.yml");
    writeFileSync(weighty, readFileSync(files["web.yml"], "utf8").replace("downtime: 40s", "downtime: 40s, throttle: { weight: 33 }"));
    const weight = (one: FakeHost) => one.commands.find((command) => command[3] === "sh" && command.includes("web1"))?.filter((word) => word.startsWith("IOWeight="));
    const { exit, out } = await cli([...INVENTORY, weighty, "--yes", "-v"], { hosts: { dom0a: host }, states });
    expect(exit).toBe(0);
    expect(weight(host)).toEqual(["IOWeight=33"]);
    expect(out, "as was shown").toMatch(/run by converge-web1\.service on the host, detached, IOWeight=33\n[^]*systemd-run [^]* -p IOWeight=33/);
    // and by way of a saved plan
    const later = converging();
    const plan = join(files.dir, "weighty.json");
    expect((await cli(["--check", "--out", plan, ...INVENTORY, weighty], { hosts: { dom0a: new FakeHost("dom0a") }, states: later.states })).exit).toBe(0);
    const saved = converging();
    expect((await cli(["apply", plan], { hosts: { dom0a: saved.host }, states: saved.states })).exit).toBe(0);
    expect(weight(saved.host)).toEqual(["IOWeight=33"]);
  });

  test("the books of older runs that go as a run begins are in its preview, and in that of a saved plan", async () => {
    const past = Array.from({ length: 22 }, (_, at) => ({ domain: "web1", run: `20260101T0000${String(10 + at)}Z-aa00bb`, since: 1 + at, bytes: 4096 }));
    const state = { ...before, past: [...past, { domain: "db1", run: "20250101T000000Z-aa00bb", since: 1, bytes: 4096 }] };
    const gone = past.slice(0, 3).map(({ run }) => run);
    const plan = join(files.dir, "old-books.json");
    const shown = await cli(["--check", "--out", plan, "-v", ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => state });
    expect(shown.exit).toBe(0);
    expect(shown.out).toContain("    first the books of 3 older runs of web1 go");
    const commands = (out: string): readonly string[] => out.split("\n").filter((line) => line.includes("rm -rf -- /var/lib")).map((line) => line.trim());
    expect(commands(shown.out)).toEqual([...gone].reverse().map((run) => `rm -rf -- /var/lib/converge/domains/web1/runs/${run}`));
    expect(shown.out.split("\n").filter((line) => line.length > 80 && /older run|rm -rf/.test(line))).toEqual([]);
    const saved = await cli(["apply", "--check", "-v", plan], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => state });
    expect(commands(saved.out)).toEqual(commands(shown.out));
    const asJson = await cli(["--check", "--json", ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => state });
    expect(asJson.out).toContain(`"forgets":${JSON.stringify([...gone].reverse())}`);
    const fewer = await cli(["--check", "-v", ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => ({ ...state, past: past.slice(3) }) });
    expect(fewer.out).not.toContain("older run");
  });

  test("a guest that another run holds is refused, with the holder", async () => {
    const { host } = converging({ submit: 'held {"owner":"bob@desk","since":1700000000,"digest":"x","run":"r1"}\n' });
    const { exit, out } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(5);
    expect(out).toContain("bob@desk has it since 2023-11-14 22:13:20 UTC");
  });

  test("a host that does not take the program is not said to have another run", async () => {
    const { host } = converging({ submit: "refused cannot write /var/lib/converge/domains/web1: is the disk full?\n" });
    const { exit, out } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(5);
    expect(out.replace(/\s+/g, " ")).toContain("or its host did not take the program cannot write /var/lib/converge/domains/web1: is the disk full?");
  });

  test("one host that is not reached stops all before anything is begun", async () => {
    const hosts = { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") };
    const states = (host: string): HostState | undefined => (host === "dom0a" ? before : undefined);
    const { exit, err } = await cli([...INVENTORY, files["pool.yml"], "--yes"], { hosts, states });
    expect(exit).toBe(4);
    expect(err).toContain("nothing was changed on any host, because of dom0b");
    expect(hosts.dom0a.commands).toEqual([]);
  });
});

describe("a lost connection", () => {
  test("is made again, and the journal read on from where it was", async () => {
    const { host, states } = converging({ breaksAfter: [2, 5] });
    const { exit, err } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states });
    expect(exit).toBe(0);
    expect(err).toContain("connection lost");
    expect(err).toContain("connected again");
    const follows = host.commands.filter((command) => command.includes("follow"));
    expect(follows.map((command) => command.at(-1))).toEqual(["1", "2", "5"]);
  });

  test("loses no event where a login shell prints something each time", async () => {
    const { host, states } = converging({ breaksAfter: [2, 7] });
    const follow = host.follow.bind(host);
    host.follow = (command, onLine, signal) => {
      onLine("Welcome to dom0a");
      return follow(command, onLine, signal);
    };
    const { exit, out } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states });
    expect(out).toContain("web1 on dom0a: done");
    expect(exit).toBe(0);
  });

  // the recovery writes less than had been read, as much, or more
  test.each([[[1]], [[1, 2]], [[1, 2, 3, 4, 5]]])("by a power cut that has taken the end of the journal: what comes in its place is told (%j)", async (notes) => {
    const host = new FakeHost("dom0a");
    const told = (...events: readonly FakeEvent[]): string[] => events.map((event, i) => JSON.stringify({ at: 1_700_000_000 + i, seq: i + 1, ...event }));
    const [step, progress] = COPY;
    if (step === undefined || progress === undefined) throw new Error("nothing is copied");
    const read = told(BEGIN, step, progress, progress, { event: "down", domain: "web1" }, progress);
    const note = { event: "note", message: "the run was interrupted" } as const;
    const after = told(BEGIN, step, ...notes.map(() => note), { event: "back", domain: "web1", how: "started" }, { event: "end", outcome: "failed", message: "it is taken back" });
    let broken = false;
    host.follow = (command, onLine, signal) => {
      const first = Number(command.at(-1));
      const lines = broken ? after.slice(after.length < first ? 0 : first - 1) : read;
      for (const line of lines) if (signal?.aborted !== true) onLine(line);
      const answer = broken ? { value: { exitCode: 0, stdout: "", stderr: "" }, diagnostics: [] } as const
        : { value: undefined, diagnostics: [{ severity: "error", code: "connection-lost", summary: "the connection broke" }] } as const;
      broken = true;
      return Promise.resolve(answer);
    };
    const { exit, out, err } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => before });
    expect(err).toContain("the host had lost its power");
    expect(out).toContain("web1 on dom0a: failed; undone, the guest is on its old disks");
    expect(out).toContain("it is taken back");
    expect(exit).toBe(3);
  });

  test("that does not come back is given up, and the way to follow told", async () => {
    const { host, states } = converging({ breaksAfter: Array.from({ length: 30 }, () => 2) });
    const { exit, out } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states });
    expect(exit).toBe(3);
    expect(out.replace(/( \\)?\s+/g, " ")).toContain(`converge attach -i ${files["inventory.yml"]} dom0a web1`);
  });
});

describe("signals", () => {
  test("the first SIGINT asks the run to stop and says what it waits for", async () => {
    const { host, states } = converging({
      waitsAfter: 2,
      onStop: [{ event: "stopping", why: "asked to" }, { event: "end", outcome: "stopped", message: "as asked" }],
      onEnd: () => undefined,
    });
    const run = startCli([...WEB, "--yes"], { hosts: { dom0a: host }, states });
    await host.isWaiting;
    run.signal("SIGINT");
    expect(await run.exit).toBe(130);
    expect(host.stops).toHaveLength(1);
    expect(run.err()).toContain("waits for: Copy the files");
    expect(run.out()).toContain("stopped as asked");
  });

  test.each([["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const)("%s detaches and says how to follow", async (signal, code) => {
    const { host, states } = converging({ waitsAfter: 2, onStop: [...COPY, DONE] });
    const run = startCli([...WEB, "--yes"], { hosts: { dom0a: host }, states });
    await host.isWaiting;
    const hung = new FakeHost("dom0a", { events: [] });
    if (signal === "SIGINT") {
      // the host does not get to its safe point at once
      host.run = hung.run.bind(hung);
      run.signal("SIGINT");
    }
    run.signal(signal);
    expect(await run.exit).toBe(code);
    expect(run.out()).toContain("still running on the host");
    expect(run.out().replace(/( \\)?\s+/g, " ")).toContain("dom0a web1");
  });
});

test.each(["dom*,!dom0a,!dom0b", "zz*"])("a --limit that leaves no host is no success: %s", async (pattern) => {
  const { exit, err } = await cli(["--check", ...WEB, "-l", pattern], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
  expect(exit).toBe(1);
  expect(err).toContain("--limit leaves none of the playbooks' hosts");
});

describe("saved plans", () => {
  const plan = join(files.dir, "plan.json");
  const save = async (...more: string[]): Promise<Record<string, unknown>> => {
    // a test before may have made something else of it, which is not written over
    rmSync(plan, { force: true });
    await cli(["--check", "--out", plan, ...WEB, ...more], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    return JSON.parse(readFileSync(plan, "utf8")) as Record<string, unknown>;
  };

  test("run without a question, and without the playbook", async () => {
    await save();
    expect(statSync(plan).mode & 0o777).toBe(0o600);
    const { host, states } = converging();
    const { exit } = await cli(["apply", plan], { hosts: { dom0a: host }, states });
    expect(exit).toBe(0);
    expect(host.submissions).toHaveLength(1);
  });

  test("say of a host that nothing is to be done on just that", async () => {
    const pool = [...INVENTORY, files["pool.yml"]];
    const hosts = { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") };
    const named = (state: HostState, name: string): HostState => ({ ...state, host: { ...state.host, name } });
    const states = (name: string): HostState => named(name === "dom0a" ? after(before) : aHost([{ name: "web2", disks: { xvda1: {} } }]), name);
    // there is nothing to do on either
    await cli(["--check", "--out", plan, ...pool, "-l", "dom0a"], { hosts, states });
    for (const how of [[], ["--check"], ["-l", "dom0a"]]) {
      expect(await cli(["apply", plan, ...how], { hosts, states })).toEqual({ exit: 0, out: "dom0a: nothing to do\n", err: "" });
    }
    const json = await cli(["apply", plan, "--json"], { hosts, states });
    expect(json.out.trim().split("\n").map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(["begin", "plan", "end"]);
    // there is on one of them
    await cli(["--check", "--out", plan, ...pool], { hosts, states });
    const both = await cli(["apply", plan, "--check"], { hosts, states });
    expect(both.out).toContain("dom0a: nothing to do");
    expect(both.out).toContain("web2 on dom0b: 1 disk moves");
    expect(await cli(["apply", plan, "-l", "dom0a"], { hosts, states })).toEqual({ exit: 0, out: "dom0a: nothing to do\n", err: "" });
    expect([...hosts.dom0a.submissions, ...hosts.dom0b.submissions]).toEqual([]);
  });

  test("of a guest that a second host has come to define are refused", async () => {
    const pool = [...INVENTORY, files["pool.yml"]];
    const hosts = { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") };
    const guests: Record<string, string[]> = { dom0a: ["web1"], dom0b: ["web2"] };
    const states = (name: string): HostState => {
      const state = aHost((guests[name] ?? []).map((guest) => ({ name: guest, disks: { xvda1: {} } })));
      return { ...state, host: { ...state.host, name } };
    };
    await cli(["--check", "--out", plan, ...pool], { hosts, states });
    guests["dom0b"] = ["web2", "web1"];
    for (const how of [[], ["--check"]]) {
      const { exit, err } = await cli(["apply", plan, ...how], { hosts, states });
      expect(err.replace(/\s+/g, " ")).toContain("the guest 'web1' is defined on dom0a and dom0b");
      expect(exit).toBe(5);
    }
    expect([...hosts.dom0a.submissions, ...hosts.dom0b.submissions]).toEqual([]);
  });

  test("that are being carried out are followed, and not said to be stale", async () => {
    await save();
    const saved = JSON.parse(readFileSync(plan, "utf8")) as { hosts: { domains: { digest: string }[] }[] };
    const digest = saved.hosts[0]?.domains[0]?.digest ?? "";
    let state: HostState = { ...before, runs: [{ run: "one", domain: "web1", digest, state: "running", owner: "bob@desk", since: 1_700_000_000 }] };
    const host = new FakeHost("dom0a", { events: [BEGIN, ...COPY, ...SWITCH, DONE], onEnd: () => { state = after(before); } });
    const { exit, out, err } = await cli(["apply", plan], { hosts: { dom0a: host }, states: () => state });
    expect(exit, out + err).toBe(0);
    expect(host.submissions).toEqual([]);
    expect(out + err).not.toContain("has changed");
  });

  test("hold no command and no config", async () => {
    const text = JSON.stringify(await save());
    expect(text).not.toContain("lvcreate");
    expect(text).not.toContain("memory = 128");
  });

  test("hold how hosts are reached, without passwords", async () => {
    const extra = {
      ansible_host: "192.0.2.7", ansible_timeout: 3, ansible_ssh_common_args: "-J jump", ansible_become: true, ansible_become_pass: "s3cret",
    };
    const saved = await save("-e", JSON.stringify(extra));
    expect(saved["hosts"]).toMatchObject([{
      connection: {
        kind: "ssh", address: "192.0.2.7", sshArguments: ["-J", "jump"], connectTimeoutSeconds: 3, become: { method: "sudo", user: "root" },
      },
    }]);
    expect(JSON.stringify(saved)).not.toContain("s3cret");
    const { host, states } = converging();
    // another program of this machine, the jump host's ssh, is started on an inventory's word only
    const alone = await cli(["apply", plan], { hosts: { dom0a: host }, states });
    expect([alone.exit, host.commands]).toEqual([1, []]);
    expect(alone.err).toContain("saved-connection");
    expect((await cli(["apply", plan, ...INVENTORY], { hosts: { dom0a: host }, states })).exit).toBe(0);
  });

  test("are refused when the host has changed since", async () => {
    await save();
    const { host } = converging();
    const moved = { ...before, images: Object.fromEntries(Object.entries(before.images).map(([path, image]) => [path, { ...image, inode: image.inode + 1 }])) };
    const { exit, err } = await cli(["apply", plan], { hosts: { dom0a: host }, states: () => moved });
    expect(exit).toBe(5);
    expect(err).toContain("inode");
    expect(host.commands).toEqual([]);
  });

  test.each([
    ["changed", (p: Record<string, unknown>) => JSON.stringify({ ...p, tool: "9.9.9" }), "has been changed"],
    ["of another version", (p: Record<string, unknown>) => JSON.stringify({ ...p, version: 7 }), "format version 7"],
    ["cut short", (p: Record<string, unknown>) => JSON.stringify(p).slice(0, 500), "not whole JSON"],
    ["no plan", () => "{}", "is not a saved plan"],
  ])("are refused when %s", async (_name, change, words) => {
    writeFileSync(plan, change(await save()));
    const { exit, err } = await cli(["apply", plan], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    expect(exit).toBe(1);
    expect(err.replace(/\s+/g, " ")).toContain(words);
  });

  test.each([
    [["-l", "nope"], "no host and no group is called 'nope'"],
    [["-l", "dom*,!dom0a"], "--limit leaves none of the plan's hosts"],
    [["-l", "zz*"], "--limit leaves none of the plan's hosts"],
    [["-l", "@missing"], "there is no file 'missing'"],
    [["--out", "other.json", "--check"], "this is a saved plan already"],
    [["-e", "a=b"], "a saved plan has none any more"],
  ])("are not passed over without a word: %j", async (more, words) => {
    await save();
    const host = new FakeHost("dom0a");
    const { exit, err } = await cli(["apply", plan, ...more], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(1);
    expect(err.replace(/\s+/g, " ")).toContain(words);
    expect(host.commands).toEqual([]);
  });

  test.each(["all", "dom0a", "dom0a:dom9*", "!dom9", "~dom"])("are taken in part by Ansible's patterns, with no inventory: -l %s", async (pattern) => {
    await save();
    const { host, states } = converging();
    const { exit, err } = await cli(["apply", plan, "-l", pattern], { hosts: { dom0a: host }, states });
    // a name that is not there is one of Ansible's errors
    expect(exit, err).toBe(pattern.includes("dom9") && pattern.startsWith("!") ? 1 : 0);
    expect(host.submissions).toHaveLength(exit === 0 ? 1 : 0);
  });

  test("of a recorded host can be looked at, and not be applied", async () => {
    await save("-e", JSON.stringify({ ansible_connection: "recorded", converge_facts: "/nowhere" }));
    const host = new FakeHost("dom0a");
    const { exit, err, out } = await cli(["apply", plan], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(5);
    expect(err).toContain("dom0a is a recording");
    expect(out).not.toContain("goes on by itself");
    expect(host.submissions).toEqual([]);
    expect((await cli(["apply", plan, "--check"], { hosts: { dom0a: host }, states: () => before })).exit).toBe(0);
  });

  test("are not written over what is no plan", async () => {
    const playbook = readFileSync(files["web.yml"], "utf8");
    const { exit, err } = await cli(["--check", "--out", files["web.yml"], ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    expect(exit).toBe(1);
    expect(err.replace(/\s+/g, " ")).toContain("is no saved plan: --out does not write over it");
    expect(readFileSync(files["web.yml"], "utf8")).toBe(playbook);
  });

  test("go into a pipe or a device that is there, and do not take its place", async () => {
    const pipe = join(files.dir, "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = promisify(execFile)("timeout", ["20", "cat", pipe]).then(({ stdout }) => stdout, () => "");
    const { exit } = await cli(["--check", "--out", pipe, ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    expect([exit, lstatSync(pipe).isFIFO()]).toEqual([0, true]);
    expect(JSON.parse(await reader)).toHaveProperty("digest");
  });

  test.each([
    { what: "an inventory", text: '{ "all": { "hosts": { "dom0a": null } } }\n' }, { what: "facts of a host", text: '{ "converge": "recording" }\n' },
  ])("are not written over $what, which is JSON as well", async ({ text }) => {
    const file = join(tempFolder("json"), "lab.json");
    writeFileSync(file, text);
    const host = new FakeHost("dom0a");
    const { exit, err } = await cli(["--check", "--out", file, ...WEB], { hosts: { dom0a: host }, states: () => before });
    expect(exit).toBe(1);
    expect(err.replace(/\s+/g, " ")).toContain("is no saved plan: --out does not write over it");
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("are written over an older one, be it cut short", async () => {
    const older = join(tempFolder("plans"), "older.json");
    writeFileSync(older, '{\n  "format": "converge-plan",\n  "vers');
    const { exit, err } = await cli(["--check", "--out", older, ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    expect(exit, err).toBe(0);
    expect(readFileSync(older, "utf8")).toContain('"digest"');
  });
});

describe("attach and log", () => {
  test("follow and print a run", async () => {
    const { host, states } = converging();
    const attached = await cli(["attach", ...INVENTORY, "dom0a", "web1"], { hosts: { dom0a: host }, states });
    expect(attached.exit).toBe(0);
    expect(attached.out).toContain("web1 is up again after 11.2 s");
    const log = await cli(["log", ...INVENTORY, "dom0a", "web1"], { hosts: { dom0a: host }, states });
    expect(log.out).toContain("2023-11-14 22:13:20 UTC  run one begins, started by alice@laptop");
  });

  test("log --all prints every journal that is in the books, the oldest run first", async () => {
    const dir = tempFolder("journals");
    const at = (seconds: number, event: object): string => `${JSON.stringify({ at: 1_700_000_000 + seconds, seq: 1, ...event })}\n`;
    const write = (run: string, text: string): void => {
      mkdirSync(join(dir, "runs", run), { recursive: true });
      writeFileSync(join(dir, "runs", run, "journal.jsonl"), text);
    };
    // by their names they would be in another order, and one was cut short by a power failure
    write("a-later", at(9000, { event: "begin", run: "a-later", domain: "web1", digest: "d", owner: "bob@ci" }));
    write("b-first", `${at(0, { event: "begin", run: "b-first", domain: "web1", digest: "d", owner: "alice@laptop" })}{"at":17000`);
    mkdirSync(join(dir, "runs", "c-without"));
    class WithBooks extends FakeHost {
      constructor(private readonly fails = false) {
        super("dom0a");
      }

      override run(command: readonly [string, ...string[]]) {
        const [tool, flag, script, name] = command;
        if (tool !== "sh" || flag !== "-c" || script === undefined || name === undefined) return super.run(command);
        const { status, stdout } = spawnSync("sh", ["-c", script, name, dir], { encoding: "utf8" });
        return Promise.resolve({ value: { exitCode: this.fails ? 1 : status ?? -1, stdout, stderr: "" }, diagnostics: [] });
      }
    }
    const LOG = ["log", ...INVENTORY, "dom0a", "web1", "--all"];
    const { exit, out } = await cli(LOG, { hosts: { dom0a: new WithBooks() }, states: () => before });
    expect(exit).toBe(0);
    expect(out).toBe("2023-11-14 22:13:20 UTC  run b-first begins, started by alice@laptop\n\n2023-11-15 00:43:20 UTC  run a-later begins, started by bob@ci\n");
    const json = await cli([...LOG, "--json"], { hosts: { dom0a: new WithBooks() }, states: () => before });
    expect(json.out.trimEnd().split("\n").map((line) => (JSON.parse(line) as { event?: { run?: string } }).event?.run)).toEqual(["b-first", "a-later"]);
    const torn = await cli(LOG, { hosts: { dom0a: new WithBooks(true) }, states: () => before });
    expect([torn.exit, torn.out]).toEqual([3, ""]);
    expect(torn.err).toContain("error[journal-unreadable]: one of the journals on dom0a can not be read");
    rmSync(join(dir, "runs", "b-first", "journal.jsonl"));
    mkdirSync(join(dir, "runs", "b-first", "journal.jsonl"));
    const skipped = await cli(LOG, { hosts: { dom0a: new WithBooks() }, states: () => before });
    expect(skipped.out).toBe("2023-11-15 00:43:20 UTC  run a-later begins, started by bob@ci\n");
  });

  test("log says that a journal can not be read, or that nothing is in it yet", async () => {
    class Unreadable extends FakeHost {
      override run(command: readonly [string, ...string[]]) {
        return command[0] === "cat"
          ? Promise.resolve({ value: { exitCode: 1, stdout: "", stderr: "cat: Input/output error" }, diagnostics: [] })
          : super.run(command);
      }
    }
    const told = await cli(["log", ...INVENTORY, "dom0a", "web1"], { hosts: { dom0a: new Unreadable("dom0a") }, states: () => before });
    expect(told.exit).toBe(3);
    expect(told.err).toContain("error[journal-unreadable]");
    const empty = await cli(["log", ...INVENTORY, "dom0a", "web1"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    expect([empty.exit, empty.out]).toEqual([0, ""]);
    expect(empty.err).toContain("nothing is in the journal yet");
  });

  test.each([[[BEGIN, ...COPY]], [[]]])("a run whose program died does not go on, and resume is named (%#)", async (events) => {
    const { exit, out, err } = await cli(["attach", ...INVENTORY, "dom0a", "web1"], { hosts: { dom0a: new FakeHost("dom0a", { events }) }, states: () => before });
    expect(exit).toBe(3);
    expect((out + err).replace(/\s+/g, " ")).toContain(`To go on with it: converge resume -i ${files["inventory.yml"]} dom0a web1`);
    expect(out + err).not.toContain("goes on on dom0a");
  });

  test.each([["attach"], ["log"], ["resume", "--yes"], ["rollback", "--check"]])("%s is about one host: a pattern that means two is refused", async (command, ...more) => {
    const two = join(files.dir, "two.yml");
    writeFileSync(two, "all:\n  hosts:\n    dom0a:\n    dom0b:\n");
    const hosts = { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") };
    const { exit, out, err } = await cli([command, "-i", two, "all", "web1", ...more], { hosts, states: () => before });
    expect(exit).toBe(1);
    expect(out + err).toContain("error[several-hosts]: 'all' means 2 hosts");
    expect(out + err).toContain("dom0a, dom0b");
    expect([...hosts.dom0a.commands, ...hosts.dom0b.commands]).toEqual([]);
  });
});

describe("a guest that a run has", () => {
  /** In mid-copy: what is seen of it would be refused, if it were planned. */
  const busy = (digest: string): HostState => {
    const volume = before.volumes["vg0/web1-xvda1"];
    return {
      ...before,
      volumes: { ...before.volumes, ...(volume === undefined ? {} : { "vg0/web1-xvda1": { ...volume, open: true } }) },
      mounts: [...before.mounts, { source: "/dev/vg0/web1-xvda1", target: "/run/converge/web1/xvda1/target", root: "/", type: "ext4", options: "rw", devno: "253:40" }],
      runs: [{
        run: "one", domain: "web1", digest, state: "running", owner: "bob@desk", since: 1_700_000_000,
        step: { title: "Copy what changed", at: 1_700_000_060 },
      }],
    };
  };
  const digestOf = async (): Promise<string> => {
    const { out } = await cli(["--check", "--json", ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => before });
    const plan = out.split("\n").map((line) => (line === "" ? {} : JSON.parse(line)) as { type?: string; domains?: { digest: string }[] }).find(({ type }) => type === "plan");
    return plan?.domains?.[0]?.digest ?? "";
  };

  test("is followed by who wants the same, and nothing is planned or sent", async () => {
    const digest = await digestOf();
    let state = busy(digest);
    const host = new FakeHost("dom0a", { events: [BEGIN, ...COPY, ...SWITCH, DONE], onEnd: () => { state = after(before); } });
    const preview = await cli(["--check", "--detailed-exitcode", ...WEB], { hosts: { dom0a: host }, states: () => state });
    expect(preview.exit).toBe(2);
    expect(preview.out).toContain("a run that wants the same is under way");
    expect(preview.out).toContain("begun by bob@desk at 2023-11-14 22:13:20 UTC");
    expect(preview.out).toContain("1 run under way to follow");
    const { exit, out, err } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(exit).toBe(0);
    expect(err).toContain("this run is under way already: following it");
    expect(out).toMatch(/downtime +11.2 s$/m);
    expect(out).toContain("web1 is up again after 11.2 s");
    expect(host.submissions).toEqual([]);
  });

  test("is followed too when the run has begun since the plan was shown", async () => {
    const digest = await digestOf();
    let looks = 0;
    let state: HostState | undefined;
    const host = new FakeHost("dom0a", { events: [BEGIN, ...COPY, ...SWITCH, DONE], onEnd: () => { state = after(before); } });
    const states = (): HostState => {
      looks += 1;
      return state ?? (looks === 1 ? before : busy(digest));
    };
    const { exit, err } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states });
    expect(exit).toBe(0);
    expect(err).toContain("this run is under way already: following it");
    expect(host.submissions).toEqual([]);
  });

  test("is refused to who wants something else, who is told whose it is", async () => {
    const host = new FakeHost("dom0a");
    const { exit, out } = await cli([...WEB, "--yes"], { hosts: { dom0a: host }, states: () => busy("d") });
    expect(exit).toBe(5);
    const flat = out.replace(/\s+/g, " ");
    expect(flat).toContain("another run has web1, and it wants something else of it");
    expect(flat).toContain("bob@desk began it at 2023-11-14 22:13:20 UTC; it is at: Copy what changed");
    expect(host.commands).toEqual([]);
  });

  test("gives no plan to be saved", async () => {
    const digest = await digestOf();
    const out = join(files["web.yml"], "..", "joined.json");
    const { exit, err } = await cli(["--check", "--out", out, ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => busy(digest) });
    expect(exit).toBe(5);
    expect(err).toContain("there is no plan to be saved");
  });
});
