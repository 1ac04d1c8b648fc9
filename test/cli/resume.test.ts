import { describe, expect, test } from "vitest";
import type { HostState, RunRecord } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { plainWish, readSavedWish } from "../../src/core/plan/saved-wish.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import type { Command, CommandResult } from "../../src/core/model/command.js";
import type { Checked } from "../../src/core/model/diagnostic.js";
import type { RunOptions } from "../../src/edge/hosts/host.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { collected, DAY, NOW } from "../support/a-leftover.js";
import { backWish, down, movedHost } from "../support/a-return.js";
import { FakeHost } from "./fake-host.js";
import { cli, startCli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const files = tempFiles({ "inventory.yml": "all:\n  hosts:\n    dom0a:\n" });
const INVENTORY = ["-i", files["inventory.yml"]];
const RESUME = ["resume", ...INVENTORY, "dom0a", "web1"];
const WISH = aWish("web1", ["xvda1"], { source: "retire" });
const PLAN = JSON.stringify({ version: 1, plan: {}, wish: plainWish({ wish: "move", desired: WISH }) });

const DEAD: RunRecord = {
  run: "one", domain: "web1", digest: "d", state: "stopped", owner: "alice@laptop", since: 1_795_000_000,
  step: { title: "Copy the files of /srv/xen/web1/xvda1.img to vg0/web1-xvda1", at: 1_795_000_100 },
};

function host0(runs: readonly RunRecord[]): HostState {
  return { ...aHost([{ name: "web1", disks: { xvda1: {} } }]), runs };
}

function after(state: HostState): HostState {
  const [plan] = planHost(state, [WISH], sha256).domains;
  const simulated = simulate(plan?.nodes ?? [], startModel(state));
  if (!simulated.ok) throw new Error(simulated.why);
  return simulated.end.host;
}

/** A host whose books hold a plan, and that can be asked to take a run back. */
class Books extends FakeHost {
  constructor(private readonly plan: string, private readonly left: string, onEnd: () => void, readonly onRecover: () => void) {
    super("dom0a", { events: [{ event: "begin", run: "two", domain: "web1", digest: "d", owner: "me" }, { event: "end", outcome: "done", message: "" }], onEnd });
  }

  override run(command: Command, options: RunOptions = {}): Promise<Checked<CommandResult>> {
    const answer = (stdout: string): Promise<Checked<CommandResult>> => {
      this.commands.push(command);
      return Promise.resolve({ value: { exitCode: 0, stdout, stderr: "" }, diagnostics: [] });
    };
    if (command.at(-1)?.endsWith("/plan.json") === true) return answer(this.plan);
    if (command.includes("recover")) {
      this.onRecover();
      return answer("");
    }
    if (options.stdin === undefined && command[2]?.includes("unfinished") === true) return answer(this.left);
    return super.run(command, options);
  }

  recovers(): number {
    return this.commands.filter((command) => command.includes("recover")).length;
  }
}

describe("resume", () => {
  test("takes back what the dead run left, plans anew from the host's books, and goes on", async () => {
    let state = host0([DEAD]);
    const host = new Books(PLAN, "", () => void (state = after(state)), () => void (state = host0([{ ...DEAD, state: "failed" }])));
    const { exit, out, err } = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(exit, out + err).toBe(0);
    expect(host.recovers()).toBe(1);
    expect(out).toContain("stopped at: Copy the files of");
    expect(out).toContain("web1 on dom0a: 1 disk moves to a logical volume");
    expect(host.submissions[0], "the wish goes along with the new run").toContain('"wish":{"wish":"move"');
  });

  test("what a host calls its runs steers no terminal", async () => {
    const run = "one\u001b]0;done\u0007\u009b2J\u202e";
    const state = { ...host0([{ ...DEAD, run }]) };
    for (const plan of [PLAN, "{}"]) {
      const { out, err } = await cli([...RESUME, "--check"], { hosts: { dom0a: new Books(plan, "", () => undefined, () => undefined) }, states: () => state });
      expect(out).toContain("The run one\\x1b");
      // eslint-disable-next-line no-control-regex -- they are what it looks for
      expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  });

  test("nor where it is told with --json: what steers is written as an escape there, and a program reads the same words", async () => {
    const run = "one\u001b]0;done\u0007\u009b2J\u202e";
    const state = { ...host0([{ ...DEAD, run }]) };
    for (const command of [RESUME, ["status", ...RESUME.slice(1, -1)]]) {
      const { out } = await cli([...command, ...(command === RESUME ? ["--check"] : []), "--json"], {
        hosts: { dom0a: new Books(PLAN, "", () => undefined, () => undefined) }, states: () => state,
      });
      expect(out).toContain("\\u009b2J\\u202e");
      // eslint-disable-next-line no-control-regex -- they are what it looks for
      expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      const words = out.trimEnd().split("\n").map((line) => JSON.stringify(JSON.parse(line)));
      expect(words.some((line) => line.includes(JSON.stringify(run).slice(1, -1)))).toBe(true);
    }
  });

  test("--check says both and does neither", async () => {
    const host = new Books(PLAN, "", () => undefined, () => undefined);
    const { exit, out } = await cli([...RESUME, "--check"], { hosts: { dom0a: host }, states: () => host0([DEAD]) });
    expect(exit).toBe(0);
    expect(out).toContain("taken back, the newest first");
    expect(out).toContain("1 disk moves to a logical volume");
    expect(host.recovers()).toBe(0);
    expect(host.submissions).toEqual([]);
  });

  test("--check of a way back that died shows what it was for: only a new one is refused until that one has ended", async () => {
    const { at: _at, ...back } = backWish();
    const state = { ...movedHost(), runs: [DEAD] };
    const host = new Books(JSON.stringify({ version: 1, plan: {}, wish: { wish: "return", back } }), "", () => undefined, () => undefined);
    const { exit, out } = await cli([...RESUME, "--check"], { hosts: { dom0a: host }, states: () => state });
    expect(exit, out).toBe(0);
    expect(out).toContain("2 disks go back to their images");
    const fresh = await cli(["rollback", ...RESUME.slice(1), "--check"], { hosts: { dom0a: host }, states: () => state });
    expect(fresh.exit).toBe(5);
    expect(fresh.out + fresh.err).toContain("error[run-half-way]");
  });

  test("--check of a gc that died shows what is deleted then, and not that its run is in the way; nothing of it is taken back", async () => {
    let state: HostState = { ...collected(), runs: [DEAD] };
    const wish = plainWish({ wish: "collect", collect: { keepForSeconds: 30 * DAY, now: NOW, at: WISH.at } });
    const host = new Books(JSON.stringify({ version: 1, plan: {}, wish }), "", () => undefined, () => void (state = { ...state, runs: [{ ...DEAD, state: "failed" }] }));
    const ask = (...more: readonly string[]) => cli([...RESUME, ...more], { hosts: { dom0a: host }, states: () => state, now: NOW });
    const looked = await ask("--check");
    expect(looked.exit, looked.out + looked.err).toBe(0);
    const deletes = (out: string): readonly string[] => out.match(/Delete \S+\.retired/g) ?? [];
    expect(deletes(looked.out)).toHaveLength(2);
    expect(looked.out).not.toContain("image-kept");
    expect(looked.out).toContain("What it deleted stays deleted");
    expect(looked.out).not.toContain("taken back");
    expect(deletes((await ask("--yes")).out)).toEqual(deletes(looked.out));
  });

  test("of a way back speaks of images and volumes: its old disks are the new ones of the move before, and the playbook would move the guest again", async () => {
    const { at: _at, ...back } = backWish();
    const text = JSON.stringify({ version: 1, plan: {}, wish: { wish: "return", back } });
    const host = new Books(text, "", () => undefined, () => undefined);
    const say = async (more: Partial<RunRecord>): Promise<string> => {
      const state = { ...down(movedHost()), runs: [{ ...DEAD, ...more }] };
      const { out, err } = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => state });
      return (out + err).replaceAll(/\s+/g, " ");
    };
    expect(await say({})).toContain("the guest runs on its volumes afterwards, if it was up");
    const stuck = await say({ outcome: "stuck", committedAt: 1_795_000_200 });
    expect(stuck).toContain("the guest is brought up on its images");
    expect(stuck).toContain("converge rollback dom0a web1");
    expect(stuck).not.toContain("playbook");
  });

  test("declined, changes nothing", async () => {
    const host = new Books(PLAN, "", () => undefined, () => undefined);
    const { exit } = await cli(RESUME, { hosts: { dom0a: host }, states: () => host0([DEAD]), typed: "n\n" });
    expect(exit).toBe(1);
    expect(host.recovers()).toBe(0);
  });

  test("settles the leftovers of a run whose wish nobody knows any more, and says that the playbook is needed", async () => {
    const host = new Books("{}", "", () => undefined, () => undefined);
    const { exit, out } = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => host0([DEAD]) });
    expect(exit).toBe(0);
    expect(host.recovers()).toBe(1);
    expect(out.replaceAll(/\s+/g, " ")).toContain("is not in the books of dom0a. If it was to move web1, run its playbook; if it was to bring it back, converge rollback ");
    expect(host.submissions).toEqual([]);
  });

  test("goes no further where something could not be taken back", async () => {
    const host = new Books(PLAN, "xvda1.mount: target is busy", () => undefined, () => undefined);
    const { exit, out, err } = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => host0([DEAD]) });
    expect(exit).toBe(3);
    expect(out + err).toContain("error[not-taken-back]");
    expect(out + err).toContain("target is busy");
    expect(host.submissions).toEqual([]);
  });

  test("is what `status` tells to type, with the options by which it has reached the host", async () => {
    const options = [...INVENTORY, "-u", "jk", "-b"];
    const { out, err } = await cli(["status", ...options], { hosts: { dom0a: new Books(PLAN, "", () => undefined, () => undefined) }, states: () => host0([DEAD]) });
    expect(out.replaceAll(/\s+/g, " "), err).toContain(`next converge resume ${options.join(" ")} dom0a web1 takes back what was done`);
  });

  test("a guest that is down after the commit is told, and nothing is planned for it; one that was moved while down is not", async () => {
    const moved = after(host0([]));
    const stuck: RunRecord = { ...DEAD, outcome: "stuck", committedAt: 1_795_000_200 };
    const web1 = moved.domains["web1"];
    if (web1 === undefined) throw new Error("no guest");
    const { running: _down, ...guest } = web1;
    const state: HostState = { ...moved, runs: [stuck], domains: { web1: guest } };
    const host = new Books(PLAN, "", () => undefined, () => undefined);
    const { exit, out, err } = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(exit, out + err).toBe(3);
    expect(out + err).toContain("error[guest-down]: web1 is down");
    expect(out + err).not.toContain("It is finished.");
    const status = await cli(["status", ...INVENTORY], { hosts: { dom0a: host }, states: () => state });
    expect(status.out.replaceAll(/\s+/g, " ")).toContain("next it is down: start it unless that is on purpose");
    const up = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => ({ ...moved, runs: [stuck] }) });
    expect(up.out).toContain("It is finished.");
    expect(up.exit, up.out + up.err).toBe(0);
    const offline = new Books(JSON.stringify({ plan: { nodes: [{ kind: "commit-offline" }] } }), "", () => undefined, () => undefined);
    expect((await cli([...RESUME, "--yes"], { hosts: { dom0a: offline }, states: () => state })).exit).toBe(0);
  });

  test("what it finds after it has looked once more counts: a commit that nobody had noted yet", async () => {
    let state = host0([DEAD]);
    const host = new Books("{}", "", () => undefined, () => void (state = { ...after(host0([])), runs: [{ ...DEAD, state: "done", outcome: "done", committedAt: 1_795_000_200 }] }));
    const { exit, out } = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(exit).toBe(0);
    expect(out).toContain("It is finished.");
  });

  test("--check --detailed-exitcode counts what a dead run has left, and not a run that left nothing", async () => {
    const check = (run: RunRecord): ReturnType<typeof cli> => cli([...RESUME, "--check", "--detailed-exitcode"], {
      hosts: { dom0a: new Books("{}", "", () => undefined, () => undefined) }, states: () => ({ ...after(host0([])), runs: [run] }),
    });
    expect((await check(DEAD)).exit).toBe(2);
    expect((await check({ ...DEAD, state: "failed", outcome: "failed", unfinished: "a loop" })).exit).toBe(2);
    expect((await check({ ...DEAD, state: "failed", outcome: "failed" })).exit).toBe(0);
  });

  test("a run that is not over is told with who has it and since when, and one that is nobody's is no run", async () => {
    const running = await cli([...RESUME, "--yes"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => host0([{ ...DEAD, state: "running" }]) });
    expect(running.exit).toBe(5);
    expect((running.out + running.err).replaceAll(/\s+/g, " ")).toContain("alice@laptop began it at 2026-11-18");
    const none = await cli([...RESUME, "--yes"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => host0([]) });
    expect(none.exit).toBe(1);
    expect(none.out + none.err).toContain("no-run");
  });
});

test("a saved wish is read back as it was, and one that was tampered with is none", () => {
  expect(readSavedWish(PLAN, WISH.at)).toEqual({ wish: "move", desired: WISH });
  const back = { wish: "return" as const, back: { domain: "web1", disks: [], removeVolume: false, move: {}, at: WISH.at } };
  expect(readSavedWish(JSON.stringify({ wish: plainWish(back) }), WISH.at)).toEqual(back);
  for (const bad of ["", "[]", "{}", '{"wish":{"wish":"move"}}', PLAN.replace('"volume":', '"command":'), PLAN.slice(0, -2)]) {
    expect(readSavedWish(bad, WISH.at), bad).toBeUndefined();
  }
});

test("a wish of another version, or with words that this one does not know, is none: its playbook is to be run", async () => {
  const full = aWish("web1", ["xvda1"], {
    strategy: "dm", switch: "suspend", finish: "window", window: { text: "Sat 01:00-05:00", spans: [{ start: 7260, minutes: 240 }] }, downtimeSeconds: 30.5,
    source: "retire", keepForSeconds: 86_400, offline: true, verify: "full", shutdownTimeoutSeconds: 60, destroy: true, passes: 5, rehearse: true,
    rehearseConsole: "login:", rehearseTimeoutSeconds: 90, throttle: { nice: 5, ionice: "idle", bandwidthBytesPerSecond: 1000, ioWeight: 50 },
    snapshot: { size: { percent: 20 } },
  });
  const text = JSON.stringify({ version: 1, plan: {}, wish: plainWish({ wish: "move", desired: { ...full, ready: { kind: "tcp", port: 22, timeoutSeconds: 60 } } }) });
  expect(readSavedWish(text, WISH.at)).toMatchObject({ wish: "move" });
  const odd = [
    ['"version":1', '"version":2'], ['"switch":"suspend"', '"switch":"fly"'], ['"strategy":"dm"', '"strategy":"zfs"'], ['"source":"retire"', '"source":"burn"'],
    ['"passes":5', '"passes":-1'], ['"downtimeSeconds":30.5', '"downtimeSeconds":"x"'], ['"volume":"vg0/', '"volume":"'], ['"kind":"tcp"', '"kind":"http"'],
    ['"spans":[{', '"spans":3,"was":[{'], ['"destroy":true', '"destroy":true,"later":1'],
  ] as const;
  for (const [was, is] of odd) {
    expect(text).toContain(was);
    expect(readSavedWish(text.replace(was, is), WISH.at), is).toBeUndefined();
  }
  const host = new Books(text.replace('"switch":"suspend"', '"switch":"fly"'), "", () => undefined, () => undefined);
  const { exit, out } = await cli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => host0([{ ...DEAD, state: "failed" }]) });
  expect(exit).toBe(0);
  expect(out.replaceAll(/\s+/g, " ")).toContain("in words that this version of converge does not know");
});

test.each([
  { what: "was begun", more: { committing: "running" }, told: "Its commit was begun, so there is no way back: the guest is brought up on its new disks" },
  { what: "was begun while the guest was down", more: { committing: "offline" }, told: "Its commit was begun, so there is no way back: the guest stays down" },
  { what: "has happened while the guest was down", more: { committing: "offline", committedAt: 1_795_000_200 }, told: "Its commit has happened: the guest stays down" },
] as const)("where the commit $what, it is not said that the guest goes back to its old disks", async ({ more, told }) => {
  const state = host0([{ ...DEAD, ...more }]);
  const host = new Books(PLAN, "", () => undefined, () => undefined);
  const looked = await cli([...RESUME, "--check"], { hosts: { dom0a: host }, states: () => state });
  expect(looked.out.replaceAll(/\s+/g, " ")).toContain(told);
  expect(looked.out).not.toContain("old disks");
  const status = await cli(["status", ...INVENTORY], { hosts: { dom0a: host }, states: () => state });
  const flat = status.out.replaceAll(/\s+/g, " ");
  expect(flat).toContain(`note the commit ${"committedAt" in more ? "has happened" : "was begun"}: there is no way back`);
  expect(flat).toContain(more.committing === "offline" ? "leaves the guest down, tidies up" : "brings the guest up on its new disks");
  expect(flat).not.toContain("takes back");
});

describe("status", () => {
  const runs: readonly RunRecord[] = [
    { ...DEAD },
    { ...DEAD, domain: "web2", state: "running", owner: "bob@desk" },
    { ...DEAD, domain: "web3", state: "stopped", committedAt: 1_795_000_200 },
    { ...DEAD, domain: "web4", state: "failed", unfinished: "xvda1.mount: target is busy" },
    { ...DEAD, domain: "web5", state: "done" },
  ];

  test("says of each guest since when, at which step, and what comes next, at 80 columns", async () => {
    const { exit, out } = await cli(["status", ...INVENTORY], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => host0(runs) });
    expect(exit).toBe(0);
    const flat = out.replaceAll(/\s+/g, " ");
    expect(flat).toContain("web1 stopped half-way, begun 2026-11-18 11:06:40 UTC by alice@laptop at Copy the files of");
    expect(flat).toContain(`next converge resume ${INVENTORY.join(" ")} dom0a web1 takes back what was done, and then goes on`);
    expect(flat).toContain("web2 running, begun 2026-11-18 11:06:40 UTC by bob@desk");
    expect(flat).toContain(`next goes on by itself; to follow it: converge attach ${INVENTORY.join(" ")} dom0a web2`);
    expect(flat).toContain(`converge resume ${INVENTORY.join(" ")} dom0a web3 brings the guest up on its new disks`);
    expect(flat).toContain("left xvda1.mount: target is busy");
    expect(flat).toContain("web5 done, begun");
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("tells a guest that waits for its own reboot, and one that sits on a mapping of its image", async () => {
    const state = aHost([{ name: "web1", disks: { xvda1: {} } }, { name: "web2", disks: { xvda1: {} } }]);
    const [one, two] = [state.domains["web1"], state.domains["web2"]];
    if (one?.running === undefined || two?.running === undefined) throw new Error("no guests");
    const mapped = (name: string) => `/dev/mapper/converge-${name}-xvda1`;
    const waiting: HostState = {
      ...state,
      mappings: [{ name: "converge-web2-xvda1", bytes: 1, open: true, table: { kind: "linear", on: "/srv/xen/web2/xvda1.img" } }],
      domains: {
        web1: { ...one, running: { ...one.running, stored: one.running.stored.map((disk) => ({ ...disk, target: mapped("web1") })) } },
        web2: { ...two, running: { ...two.running, attached: two.running.attached.map((disk) => ({ ...disk, params: mapped("web2") })) } },
      },
    };
    const { out } = await cli(["status", ...INVENTORY, "--json"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => waiting });
    const line = JSON.parse(out) as { type: string; guests: unknown[] };
    expect(line.type).toBe("runs");
    expect(line.guests).toMatchObject([
      { domain: "web1", state: "waits", next: expect.stringContaining("its own reboot") as string },
      { domain: "web2", state: "waits", next: expect.stringContaining("not mirrored yet") as string },
    ]);
  });
});

test("a signal while the host takes a run back is not told that nothing was changed", async () => {
  const begun: boolean[] = [];
  const state = host0([DEAD]);
  const host = new Books(PLAN, "", () => undefined, () => begun.push(run.hasBegun()));
  const run = startCli([...RESUME, "--yes"], { hosts: { dom0a: host }, states: () => state });
  await run.exit;
  expect(begun).toEqual([true]);
});
