import { describe, expect, test } from "vitest";
import { readSavedWish } from "../../src/core/plan/saved-wish.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { planCollect } from "../../src/core/plan/plan-collect.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { commandLine } from "../../src/edge/cli/rollback-command.js";
import { collected, DAY, NOW, oldRuns } from "../support/a-leftover.js";
import { sha256 } from "../support/a-host.js";
import type { FakeEvent } from "./fake-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const PLAYBOOK = `
- hosts: all
  domains:
    web1:
      disks:
        xvda1: { volume: vg0/web1-xvda1 }
        xvda2: { volume: vg0/web1-xvda2, move: { keep_for: 90d } }
      move: { source: retire, keep_for: 7d }
`;
const files = tempFiles({
  "inventory.yml": "all:\n  hosts:\n    dom0a:\n", "web.yml": PLAYBOOK,
  "silent.yml": "- hosts: all\n  domains: { web1: { disks: { \"*\": { volume: \"vg0/web1-{{ vdev }}\" } } } }\n",
});
const GC = ["gc", "-i", files["inventory.yml"]];
const RUN: readonly FakeEvent[] = [
  { event: "begin", run: "two", domain: "web1", digest: "d", owner: "alice@laptop" },
  { event: "end", outcome: "done", message: "all steps are done" },
];

/** Without the ends of its lines. */
function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function after(state: HostState): HostState {
  const wish = { keepForSeconds: 30 * DAY, now: NOW, at: commandLine("gc") };
  const [plan] = planCollect(state, wish, sha256).domains;
  const simulated = simulate(plan?.nodes ?? [], startModel(state));
  if (!simulated.ok) throw new Error(simulated.why);
  return simulated.end.host;
}

describe("gc --check", () => {
  test("names what would be deleted, that the way back ends with it, and the commands; and touches nothing", async () => {
    const host = new FakeHost("dom0a");
    const { exit, out } = await cli([...GC, "dom0a", "--check"], { hosts: { dom0a: host }, states: () => collected() });
    expect(exit).toBe(0);
    expect(flat(out)).toContain("warning[way-back-ends]: xvda1 of web1 can not be rolled back any more once /srv/xen/web1/xvda1.img.retired is deleted");
    expect(flat(out)).toContain("To go back first: converge rollback dom0a web1.");
    expect(out).toContain("web1 on dom0a: 2 retired images to delete");
    expect(out).toContain("rm -- /srv/xen/web1/xvda1.img.retired");
    expect(out).toMatch(/Delete \/srv\/xen\/web1\/xvda1\.img\.retired \[destructive\]/);
    expect(flat(out)).toContain("nobody has /srv/xen/web1/xvda1.img.retired open");
    expect(flat(out)).toContain("1 guest with 2 retired images and 0 old runs to remove, 288 MiB in all, no downtime");
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(host.commands).toEqual([]);
  });

  test("goes by what the playbook says of each disk, and says until when the rest is kept", async () => {
    const { exit, out } = await cli([...GC, files["web.yml"], "--check", "--detailed-exitcode"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => collected() });
    expect(exit).toBe(2);
    expect(out).toContain("rm -- /srv/xen/web1/xvda1.img.retired");
    expect(out).not.toContain("rm -- /srv/xen/web1/xvda2.img.retired");
    expect(flat(out)).toMatch(/note\[image-kept\]: \/srv\/xen\/web1\/xvda2\.img\.retired stays .*it was retired 2026-10-01 .*and is kept until 2026-12-30/);
  });

  test.each([
    { args: ["--keep-for", "100d"], deletes: false }, { args: ["--keep-for", "2w"], deletes: true },
    { args: ["--domain", "db*"], deletes: false }, { args: ["--domain", "web*"], deletes: true },
  ])("$args goes before the default", async ({ args, deletes }) => {
    const states = (): HostState => {
      const state = collected();
      return { ...state, past: [...(state.past ?? []), { domain: "db1", run: "20261126T000000Z-000009", since: NOW, bytes: 4096 }] };
    };
    const { exit, out } = await cli([...GC, "--check", "--detailed-exitcode", ...args], { hosts: { dom0a: new FakeHost("dom0a") }, states });
    expect(out.includes("rm -- ")).toBe(deletes);
    expect(exit).toBe(deletes ? 2 : 0);
  });

  describe("of an image that its move wants kept for longer", () => {
    const promised = (): HostState => collected({ keepForSeconds: 90 * DAY });
    const planned = async (...args: readonly string[]): Promise<string> =>
      flat((await cli([...GC, "--check", ...args], { hosts: { dom0a: new FakeHost("dom0a") }, states: promised })).out);

    test.each([[["dom0a"]], [[]], [[files["silent.yml"]]]])("keeps it as long, where nobody says how long now: %j", async (what) => {
      const out = await planned(...what);
      expect(out).not.toContain("rm -- ");
      expect(out).toMatch(/note\[image-kept\]: \/srv\/xen\/web1\/xvda1\.img\.retired stays .*is kept until 2026-12-30/);
    });

    test("goes by the playbook that there is now, and by what is asked for by hand", async () => {
      const asked = await planned(files["web.yml"]);
      expect(asked).toContain("rm -- /srv/xen/web1/xvda1.img.retired");
      expect(asked).not.toContain("rm -- /srv/xen/web1/xvda2.img.retired");
      for (const what of ["dom0a", files["silent.yml"]]) expect(await planned("--keep-for", "2w", what)).toContain("2 retired images to delete");
    });
  });

  test("is a line of JSON for a program", async () => {
    const { out } = await cli([...GC, "--check", "--json"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => oldRuns(collected()) });
    const plan = out.trim().split("\n").map((line) => JSON.parse(line) as { type: string; domains?: { changes: unknown[] }[] }).find((line) => line.type === "plan");
    expect(plan?.domains?.[0]?.changes).toMatchObject([
      { change: "discard-image", vdev: "xvda1", image: "/srv/xen/web1/xvda1.img.retired", was: "/srv/xen/web1/xvda1.img", volume: "vg0/web1-xvda1" },
      { change: "discard-image", vdev: "xvda2" },
      { change: "forget-runs", runs: [{ run: "20260901T000000Z-000001" }, { run: "20260902T000000Z-000002" }] },
    ]);
  });
});

describe("gc", () => {
  test("asks, runs, and the second time finds nothing to do", async () => {
    let state = oldRuns(collected());
    const host = new FakeHost("dom0a", { events: RUN, onEnd: () => void (state = after(state)) });
    const first = await cli([...GC, "dom0a"], { hosts: { dom0a: host }, states: () => state, typed: "y\n" });
    expect(first.exit, first.out + first.err).toBe(0);
    expect(host.submissions).toHaveLength(1);
    expect(flat(first.out)).toContain("deleted /srv/xen/web1/xvda1.img.retired (256 MiB)");
    expect(flat(first.out)).toContain("books forgot 2 old runs");
    const second = await cli([...GC, "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(second).toMatchObject({ exit: 0, out: "dom0a: nothing to do\n" });
    expect(host.submissions).toHaveLength(1);
  });

  test("leaves beside its program what it is for, so that `resume` goes on with it", async () => {
    const host = new FakeHost("dom0a", { events: RUN });
    await cli([...GC, files["web.yml"], "--yes"], { hosts: { dom0a: host }, states: () => collected() });
    const wish = readSavedWish(host.submissions[0]?.split("\nmain \"$@\"\n").at(-1) ?? "", commandLine("resume"));
    expect(wish).toMatchObject({
      wish: "collect", collect: { now: NOW, guests: [{ domain: "web1", keepForSeconds: 7 * DAY, disks: [{ vdev: "xvda1", keepForSeconds: 7 * DAY }, { vdev: "xvda2", keepForSeconds: 90 * DAY }] }] },
    });
  });

  test("what comes of age between preview and run waits for the next time", async () => {
    let looks = 0;
    const host = new FakeHost("dom0a", { events: RUN });
    // by the second look the host's clock has gone on by a year
    const states = (): HostState => ({ ...collected(), now: NOW + (looks++ === 0 ? 0 : 365 * DAY) });
    const { out } = await cli([...GC, files["web.yml"], "--yes"], { hosts: { dom0a: host }, states });
    expect(host.submissions, out).toHaveLength(1);
    expect(host.submissions[0]).not.toContain("xvda2.img.retired");
  });

  test("declined, changes nothing", async () => {
    const host = new FakeHost("dom0a");
    const { exit, out } = await cli([...GC, "dom0a"], { hosts: { dom0a: host }, states: () => collected(), typed: "n\n" });
    expect(exit).toBe(1);
    expect(out).toContain("Nothing was changed.");
    expect(host.commands).toEqual([]);
  });

  test("without a terminal asks for --yes, before the host is looked at", async () => {
    const { exit, out, err } = await cli([...GC, "dom0a"], { hosts: { dom0a: new FakeHost("dom0a") } });
    expect(exit).toBe(1);
    expect(out + err).toContain("needs-yes");
  });

  test.each([
    { what: "playbooks and hosts at once", args: [files["web.yml"], "dom0a"], says: "playbooks or hosts, not both" },
    { what: "a mistyped playbook", args: ["wbe.yml"], says: "there is no file 'wbe.yml'" },
    { what: "a time without its unit", args: ["--keep-for", "14"], says: "it takes a time with its unit" },
    { what: "a host that the inventory lacks", args: ["dom0z"], says: "dom0z" },
  ])("is refused with $what", async ({ args, says }) => {
    const host = new FakeHost("dom0a");
    const { exit, out, err } = await cli([...GC, ...args, "--yes"], { hosts: { dom0a: host }, states: () => collected() });
    expect(flat(out + err)).toContain(says);
    expect(exit).toBe(1);
    expect(host.commands).toEqual([]);
  });

  test("another's lock is told with who has it and since when", async () => {
    const held = `held ${JSON.stringify({ owner: "bob@desk", since: 1_795_300_000, digest: "other", run: "zero" })}`;
    const host = new FakeHost("dom0a", { events: [], submit: held });
    const { exit, out, err } = await cli([...GC, "--yes"], { hosts: { dom0a: host }, states: () => collected() });
    expect(exit).toBe(5);
    expect(flat(out + err)).toContain("bob@desk has it since 2026-11-21");
  });
});

describe("gc", () => {
  test("of a guest whose last run is old, too, ends well", async () => {
    const begun = oldRuns(collected());
    const [last] = begun.runs;
    if (last === undefined) throw new Error("no run");
    let state: HostState = { ...begun, retired: [], commits: [] };
    const host = new FakeHost("dom0a", {
      events: RUN,
      onEnd: () => {
        state = {
          ...state, runs: [{ ...last, run: "20261126T000000Z-000004", since: NOW + 60 }],
          past: [{ domain: "web1", run: last.run, since: last.since, bytes: 4096 }],
        };
      },
    });
    const { exit, out, err } = await cli([...GC, "dom0a", "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(exit, out + err).toBe(0);
  });

  test.each([NOW - 2 * DAY, NOW + 2 * DAY])("goes by no clock that is far from the controller's (%i)", async (now) => {
    const { exit, out, err } = await cli([...GC, "dom0a", "--yes"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => collected(), now });
    expect(exit).toBe(5);
    expect(flat(out + err)).toContain("error[clocks-apart]: it is 2026-11-26");
    expect(flat(out + err)).not.toContain("to delete");
  });

  test("--domain that means no guest is told, with the one that was meant", async () => {
    const states = (): HostState => collected();
    const slip = await cli([...GC, "dom0a", "--domain", "wbe1", "--yes"], { hosts: { dom0a: new FakeHost("dom0a") }, states });
    expect(slip.exit).toBe(1);
    expect(flat(slip.out + slip.err)).toContain("error[unknown-domain]: --domain 'wbe1' matches no guest");
    expect(slip.out + slip.err).toContain("web1");
    for (const what of ["dom0a", files["web.yml"]]) {
      const glob = await cli([...GC, what, "--domain", "db*", "--yes"], { hosts: { dom0a: new FakeHost("dom0a") }, states });
      expect([glob.exit, glob.out]).toEqual([1, ""]);
      expect(flat(glob.err)).toContain("error[unknown-domain]: --domain 'db*' matches no guest");
    }
    const right = await cli([...GC, "dom0a", "--domain", "web*", "--check"], { hosts: { dom0a: new FakeHost("dom0a") }, states });
    expect(right.exit).toBe(0);
    expect(right.out).toContain("2 retired images to delete");
  });

  test.each(["--yes", "--check"])("a guest's name that is misspelt in the playbook is told as apply tells it, and nothing is done (%s)", async (how) => {
    const slip = tempFiles({ "slip.yml": PLAYBOOK.replace("web1:", "wbe1:"), "glob.yml": PLAYBOOK.replace("web1:", '"db*":') });
    const host = new FakeHost("dom0a");
    const { exit, out, err } = await cli([...GC, slip["slip.yml"], how], { hosts: { dom0a: host }, states: () => collected() });
    expect([exit, out]).toEqual([1, ""]);
    expect(flat(err)).toContain("error[unknown-domain]: there is no guest 'wbe1' on dom0a");
    expect(flat(err)).toContain("did you mean 'web1'?");
    expect(host.commands).toEqual([]);
    const glob = await cli([...GC, slip["glob.yml"], how], { hosts: { dom0a: host }, states: () => collected() });
    expect([glob.exit, flat(glob.err)]).toEqual([0, expect.stringContaining("warning[unknown-domain]: no guest on dom0a matches 'db*'")]);
  });

  test("a guest of the playbook that is on one of two hosts, on both of them, or gone, but known to the books, is no slip of the pen", async () => {
    const both = tempFiles({ "two.yml": "all:\n  hosts:\n    dom0a:\n    dom0b:\n" });
    const look = (states: (name: string) => HostState, ...more: readonly string[]) => cli(["gc", "-i", both["two.yml"], files["web.yml"], "--check", ...more], {
      hosts: { dom0a: new FakeHost("dom0a"), dom0b: new FakeHost("dom0b") },
      states: (name) => ({ ...states(name), host: { ...states(name).host, name } }),
    });
    const { domains: _, ...gone } = collected();
    const without = { ...gone, domains: {} };
    const blank = { ...without, retired: [], past: [], commits: [], runs: [] };
    const ran: HostState = { ...blank, runs: [{ run: "1", domain: "web1", digest: "", state: "done", outcome: "done", owner: "", since: 0 }] };
    for (const states of [
      (name: string): HostState => (name === "dom0a" ? collected() : blank), (): HostState => collected(), (): HostState => without,
      (name: string): HostState => (name === "dom0a" ? without : blank),
      // by its last run alone, which stays when all else has gone
      (name: string): HostState => (name === "dom0a" ? ran : blank),
    ]) {
      const { exit, err } = await look(states);
      expect([exit, err]).toEqual([0, ""]);
    }
    expect((await look(() => blank)).exit).toBe(1);
    const limited = await look(() => blank, "-l", "dom0a");
    expect([limited.exit, flat(limited.err)]).toEqual([0, expect.stringContaining("note[unknown-domain]: passed over")]);
  });
});
