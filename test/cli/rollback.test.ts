import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { planReturn } from "../../src/core/plan/plan-return.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, sha256, MIB, swap } from "../support/a-host.js";
import type { FakeEvent } from "./fake-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

const files = tempFiles({ "inventory.yml": "all:\n  hosts:\n    dom0a:\n" });
const BACK = ["rollback", "-i", files["inventory.yml"], "dom0a", "web1"];

function ended(nodes: Parameters<typeof simulate>[0], state: HostState): HostState {
  const simulated = simulate(nodes, startModel(state));
  if (!simulated.ok) throw new Error(simulated.why);
  return simulated.end.host;
}

/** A host whose guest was moved a while ago and has written since. */
function moved(source: "keep" | "retire" | "delete" = "keep"): HostState {
  const state = aHost([{ name: "web1", disks: { xvda1: { bytes: 512 * MIB }, xvda2: { bytes: 64 * MIB, content: swap("u", 64 * MIB) } } }]);
  const [plan] = planHost(state, [aWish("web1", ["xvda1", "xvda2"], { source })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  const end = ended(plan.nodes, state);
  const { web1 } = end.domains;
  if (web1?.running === undefined || web1.config === undefined) throw new Error("it does not run");
  // the model keeps disks and hash of an edited config; here is the text that goes with them
  const text = web1.config.text.text.replaceAll(/file:\/srv\/xen\/web1\/(xvda\d)\.img/g, "phy:/dev/vg0/web1-$1");
  expect(sha256(text)).toBe(web1.config.sha256);
  const config = { ...web1.config, text: { ...web1.config.text, text } };
  const attached = web1.running.attached.map((disk) => (disk.vdev === "xvda1" ? { ...disk, writtenBytes: 7 * MIB } : disk));
  return {
    ...end, domains: { web1: { ...web1, config, running: { ...web1.running, attached } } },
    commits: [{ domain: "web1", run: "one", at: 1_795_000_000, volumes: ["vg0/web1-xvda1", "vg0/web1-xvda2"] }],
  };
}

/** As the run leaves it. */
function back(state: HostState, carry: boolean): HostState {
  const wish = { domain: "web1", disks: [], removeVolume: false, move: {}, at: aWish("web1", []).at, ...(carry ? { carryBack: "auto" as const } : {}) };
  return ended(planReturn(state, wish, sha256).domains[0]?.nodes ?? [], state);
}

/** Without the ends of its lines. */
function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

const RUN: readonly FakeEvent[] = [
  { event: "begin", run: "two", domain: "web1", digest: "d", owner: "alice@laptop" }, { event: "down", domain: "web1" },
  { event: "commit", domain: "web1" }, { event: "ready", domain: "web1", downtime: 11.2 },
  { event: "end", outcome: "done", message: "all steps are done" },
];

describe("rollback --check", () => {
  test("says in plain words what would be given up, since when and how much, and touches nothing", async () => {
    const host = new FakeHost("dom0a");
    const { exit, out } = await cli([...BACK, "--check"], { hosts: { dom0a: host }, states: () => moved() });
    expect(exit).toBe(0);
    expect(out).toContain("web1 on dom0a: 2 disks go back to their images");
    expect(flat(out)).toMatch(/warning\[writes-given-up\]: everything that web1 wrote to xvda1 since 2026-11-18/);
    expect(flat(out)).toContain("7 MiB since its last start alone; it stays on vg0/web1-xvda1, which is kept");
    expect(flat(out)).toContain("+ image /srv/xen/web1/xvda1.img, 512 MiB, ext4, as it was left");
    expect(flat(out)).toContain("+disk = [ 'file:/srv/xen/web1/xvda1.img,xvda1,w', 'file:/srv/xen/web1/xvda2.img");
    expect(out, "nothing in swap is missed").not.toContain("wrote to xvda2");
    expect(out.split("\n").filter((line) => line.length > 80 && !line.includes("disk ="))).toEqual([]);
    expect(host.commands).toEqual([]);
  });

  test("with --carry-back nothing is given up, and pending changes have their exit code", async () => {
    const { exit, out } = await cli([...BACK, "--carry-back", "--check", "--detailed-exitcode"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => moved("retire") });
    expect(exit).toBe(2);
    expect(out).not.toContain("writes-given-up");
    expect(flat(out)).toContain("with what was written since, carried back");
    expect(flat(out)).toContain("mv --no-clobber -- /srv/xen/web1/xvda1.img.retired \\ /srv/xen/web1/xvda1.img");
    expect(out).toContain("e2fsck -n /srv/xen/web1/xvda1.img");
  });

  test("is a line of JSON for a program", async () => {
    const { out } = await cli([...BACK, "--carry-back=blocks", "--check", "--json"], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => moved() });
    const plan = out.trim().split("\n").map((line) => JSON.parse(line) as { type: string; domains?: { changes: unknown[] }[] }).find((line) => line.type === "plan");
    expect(plan?.domains?.[0]?.changes[0]).toMatchObject({
      change: "return-disk", vdev: "xvda1", carry: "blocks", from: { volume: "vg0/web1-xvda1" }, to: { image: "/srv/xen/web1/xvda1.img" },
      since: 1_795_000_000, writtenBytes: 7 * MIB,
    });
  });
});

describe("rollback", () => {
  test("asks, runs, and the second time finds nothing to do", async () => {
    let state = moved("retire");
    const host = new FakeHost("dom0a", { events: RUN, onEnd: () => void (state = back(state, true)) });
    const first = await cli([...BACK, "--carry-back"], { hosts: { dom0a: host }, states: () => state, typed: "y\n" });
    expect(first.exit, first.out + first.err).toBe(0);
    expect(host.submissions).toHaveLength(1);
    expect(first.out).toContain("now image /srv/xen/web1/xvda1.img, was volume vg0/web1-xvda1");
    const second = await cli([...BACK, "--carry-back", "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(second).toMatchObject({ exit: 0, out: "dom0a: nothing to do\n" });
  });

  test("follows the run of the very same that is under way, with its loop device on the image, and submits nothing", async () => {
    const before = moved();
    const wish = { domain: "web1", disks: [], removeVolume: false, carryBack: "auto" as const, move: {}, at: aWish("web1", []).at };
    const [plan] = planReturn(before, wish, sha256).domains;
    const image = before.images["/srv/xen/web1/xvda1.img"];
    if (plan === undefined || image === undefined) throw new Error("nothing to do");
    let state: HostState = {
      ...before, loops: [{ device: "/dev/loop9", backing: image.path, inode: image.inode, devno: image.devno, offset: 0, readOnly: false, deleted: false }],
      runs: [{ run: "one", domain: "web1", digest: plan.digest, state: "running", owner: "bob@desk", since: 1_795_300_000 }],
    };
    const host = new FakeHost("dom0a", { events: RUN, onEnd: () => void (state = back(before, true)) });
    const { exit, out, err } = await cli([...BACK, "--carry-back", "--yes"], { hosts: { dom0a: host }, states: () => state });
    expect(exit, out + err).toBe(0);
    expect(out).toContain("bob@desk");
    expect(host.submissions).toEqual([]);
  });

  test("declined, changes nothing", async () => {
    const host = new FakeHost("dom0a");
    const { exit } = await cli(BACK, { hosts: { dom0a: host }, states: () => moved(), typed: "n\n" });
    expect(exit).toBe(1);
    expect(host.commands).toEqual([]);
  });

  test("without a terminal asks for --yes, before the host is looked at", async () => {
    const { exit, out, err } = await cli(BACK, { hosts: { dom0a: new FakeHost("dom0a") } });
    expect(exit).toBe(1);
    expect(out + err).toContain("needs-yes");
  });

  test.each([
    { what: "the image was deleted", state: () => moved("delete"), args: [], code: "source-gone" },
    { what: "the guest has no such disk", state: () => moved(), args: ["--disk", "xvdz"], code: "no-such-disk" },
    {
      what: "an earlier carry was cut off", args: [], code: "image-half-carried",
      state: () => {
        const state = moved();
        const volume = state.volumes["vg0/web1-xvda1"];
        if (volume === undefined) throw new Error("no volume");
        return { ...state, volumes: { ...state.volumes, "vg0/web1-xvda1": { ...volume, tags: [...volume.tags, "converge.carry=begun"] } } };
      },
    },
    {
      what: "somebody has the image", args: [], code: "image-shared",
      state: () => {
        const state = moved();
        const image = state.images["/srv/xen/web1/xvda1.img"];
        if (image === undefined) throw new Error("no image");
        return {
          ...state,
          loops: [{ device: "/dev/loop9", backing: image.path, inode: image.inode, devno: image.devno, offset: 0, readOnly: false, deleted: false }],
        };
      },
    },
    {
      what: "the old name is another file's", args: [], code: "source-name-taken",
      state: () => {
        const state = moved("retire");
        const image = state.images["/srv/xen/web1/xvda1.img.retired"];
        if (image === undefined) throw new Error("no image");
        const path = "/srv/xen/web1/xvda1.img";
        return { ...state, images: { ...state.images, [path]: { ...image, path, realPath: path, inode: 999 } } };
      },
    },
    {
      what: "the volume holds something else than files", args: ["--carry-back=files"], code: "can-not-carry-back",
      state: () => {
        const state = moved();
        const volume = state.volumes["vg0/web1-xvda1"];
        if (volume === undefined) throw new Error("no volume");
        return { ...state, volumes: { ...state.volumes, "vg0/web1-xvda1": { ...volume, content: { type: "unknown" as const } } } };
      },
    },
  ])("is refused where $what", async ({ state, args, code }) => {
    const host = new FakeHost("dom0a");
    const { exit, out, err } = await cli([...BACK, ...args, "--yes"], { hosts: { dom0a: host }, states: state });
    expect(out + err).toContain(`error[${code}]`);
    expect(exit).toBe(5);
    expect(host.commands).toEqual([]);
  });

  test("another's lock is told with who has it and since when", async () => {
    const held = `held ${JSON.stringify({ owner: "bob@desk", since: 1_795_300_000, digest: "other", run: "zero" })}`;
    const host = new FakeHost("dom0a", { events: [], submit: held });
    const { exit, out, err } = await cli([...BACK, "--yes"], { hosts: { dom0a: host }, states: () => moved() });
    expect(exit).toBe(5);
    expect(out + err).toContain("bob@desk has it since 2026-11-21");
  });
});
