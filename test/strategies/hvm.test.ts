import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { Domain } from "../../src/core/model/domain.js";
import { rebootedItself } from "../../src/core/model/guest.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Model } from "../../src/core/model/model.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { shutDown } from "../../src/core/steps/shut-down.js";
import type { ShutDown } from "../../src/core/steps/shut-down.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { expectNothingLeft, expectSafeToStart } from "../laws/holds.js";
import { aHost, aWish, MIB, NIGHTS, sha256, withFullImages } from "../support/a-host.js";
import type { ADisk, AGuest } from "../support/a-host.js";

/**
 * Guests with firmware (HVM). They boot from the first sectors of a whole disk with partitions, and their own QEMU, the device
 * model, shows them that disk a second time, as an emulated one, until their drivers unplug it.
 */

const BOOT: ADisk = { content: { type: "partitions", table: "dos" }, partitioned: true };
const GPT: ADisk = { content: { type: "partitions", table: "gpt" }, partitioned: true };
const DATA: ADisk = {};

/** How configs say it: as xl does, as xm did, and where nothing is said of what to boot from. */
const TYPES = {
  type: 'type = "hvm"\nboot = "c"\n',
  builder: 'builder = "hvm"\nboot = "cd"\n',
  bare: 'type = "hvm"\n',
} as const;

interface Case {
  readonly what: string;
  readonly says?: keyof typeof TYPES;
  readonly disks: Readonly<Record<string, ADisk>>;
  /** Which of them are moved; unset: all. */
  readonly moved?: readonly string[];
  readonly move: MoveOptions;
  /** What is planned: of each disk that is moved, and how the guest is taken over. */
  readonly by: readonly string[];
  readonly switchOver?: string;
  readonly running?: false;
  readonly qdisk?: true;
  /** Words of `virt_caps`. */
  readonly can?: readonly string[];
}

const HAP = ["pv", "hvm", "hap"] as const;
const SHADOW = ["pv", "hvm", "shadow"] as const;

const CASES: readonly Case[] = [
  { what: "restarted by dm", disks: { xvda: BOOT }, move: { strategy: "dm", switch: "restart" }, by: ["dm"], switchOver: "restart" },
  { what: "restarted by dm, its disk an IDE one", says: "builder", disks: { hda: GPT }, move: { strategy: "dm", switch: "restart" }, by: ["dm"], switchOver: "restart" },
  { what: "frozen by dm", says: "bare", disks: { xvda: GPT }, move: { strategy: "dm", switch: "suspend" }, by: ["dm"], switchOver: "suspend" },
  { what: "frozen twice by dm", says: "builder", disks: { hda: BOOT, hdb: DATA }, move: { strategy: "dm", switch: "suspend", finish: "now" }, by: ["dm", "dm"], switchOver: "suspend" },
  { what: "frozen by dm, and again in its window", disks: { xvda: BOOT }, move: { strategy: "dm", switch: "suspend", finish: "window", window: NIGHTS }, by: ["dm"], switchOver: "suspend" },
  { what: "frozen by dm, and compared", disks: { sda: BOOT }, move: { strategy: "dm", switch: "suspend", verify: "full" }, by: ["dm"], switchOver: "suspend" },
  { what: "migrated by dm, by the processor's own paging", disks: { xvda: BOOT }, move: { strategy: "dm", switch: "migrate" }, by: ["dm"], switchOver: "migrate", can: HAP },
  { what: "migrated by dm, by shadow paging", says: "builder", disks: { hda: BOOT }, move: { strategy: "dm", switch: "migrate" }, by: ["dm"], switchOver: "migrate", can: SHADOW },
  { what: "migrated by what converge picks", disks: { xvda: BOOT }, move: {}, by: ["dm"], switchOver: "migrate", can: HAP },
  { what: "moved by dm at its own next reboot", disks: { xvda: BOOT }, move: { strategy: "dm", switch: "next-reboot" }, by: ["dm"], switchOver: "next-reboot" },
  { what: "moved by dm while it is down", says: "builder", disks: { hda: BOOT }, move: { strategy: "dm" }, by: ["dm"], running: false },
  { what: "restarted by drbd", says: "builder", disks: { xvda: BOOT }, move: { strategy: "drbd", switch: "restart" }, by: ["drbd"], switchOver: "restart" },
  { what: "frozen by drbd", disks: { hda: GPT }, move: { strategy: "drbd", switch: "suspend" }, by: ["drbd"], switchOver: "suspend" },
  { what: "frozen twice by drbd", disks: { xvda: BOOT }, move: { strategy: "drbd", switch: "suspend", finish: "now" }, by: ["drbd"], switchOver: "suspend" },
  { what: "migrated by drbd", disks: { xvda: BOOT }, move: { strategy: "drbd", switch: "migrate" }, by: ["drbd"], switchOver: "migrate", can: HAP },
  { what: "moved by drbd at its own next reboot", disks: { xvda: BOOT }, move: { strategy: "drbd", switch: "next-reboot" }, by: ["drbd"], switchOver: "next-reboot" },
  { what: "with its data alone, restarted by md", disks: { xvda: BOOT, xvdb: DATA }, moved: ["xvdb"], move: { strategy: "md", switch: "restart" }, by: ["md"], switchOver: "restart" },
  { what: "with its data alone, frozen by md", says: "builder", disks: { hda: BOOT, hdb: DATA }, moved: ["hdb"], move: { strategy: "md", switch: "suspend", finish: "now" }, by: ["md"], switchOver: "suspend" },
  { what: "with its data alone, migrated by md", disks: { xvda: BOOT, xvdb: DATA }, moved: ["xvdb"], move: { strategy: "md", switch: "migrate" }, by: ["md"], switchOver: "migrate", can: HAP },
  { what: "with its data alone, by a process and md", disks: { xvda: BOOT, xvdb: DATA }, moved: ["xvdb"], move: { strategy: "md-preseed", switch: "suspend" }, by: ["md-preseed"], switchOver: "suspend" },
  { what: "with its data alone, by files", says: "builder", disks: { hda: BOOT, hdb: DATA }, moved: ["hdb"], move: { strategy: "rsync" }, by: ["rsync"], switchOver: "restart" },
  { what: "by its QEMU, which goes over", disks: { xvda: BOOT }, move: { strategy: "qemu" }, by: ["qemu"], qdisk: true },
  { what: "by its QEMU, two disks", says: "builder", disks: { hda: GPT, hdb: DATA }, move: { strategy: "qemu" }, by: ["qemu", "qemu"], qdisk: true },
  { what: "by its QEMU, from a qcow2", says: "bare", disks: { xvda: { format: "qcow2", content: { type: "unknown" } } }, move: { strategy: "qemu" }, by: ["qemu"], qdisk: true },
];

const IMAGE = "/srv/xen/web1/xvda.img";

/** With an mdadm that takes a bitmap in a file, as md-preseed needs it. */
function hostOf(guest: Pick<Case, "disks" | "says" | "running" | "qdisk" | "can">): HostState {
  const { disks, says = "type", running, qdisk, can = HAP } = guest;
  const a: AGuest = { name: "web1", disks, extra: TYPES[says], ...(running === undefined ? {} : { running }), ...(qdisk === undefined ? {} : { qdisk }) };
  const state = withFullImages(aHost([a]));
  expect(state.domains["web1"]?.config?.type).toBe("hvm");
  return { ...state, host: { ...state.host, capabilities: [...can] }, tools: { ...state.tools, mdadm: { present: true, version: "4.2" } } };
}

/** Its device model has these images open as well, for the disks that it emulates. */
function emulating(state: HostState, ...images: readonly string[]): HostState {
  const { web1 } = state.domains;
  if (web1?.running === undefined) throw new Error("there is no web1");
  const nodes = images.map((path, at) => ({ node: `#block${String(at + 100)}`, path, driver: "raw", bytes: 64 * MIB }));
  const qemu = { nodes: [...nodes, ...(web1.running.qemu?.nodes ?? [])], jobs: [] };
  return { ...state, domains: { ...state.domains, web1: { ...web1, running: { ...web1.running, qemu } } } };
}

/** Carries out what is planned, safe at every instant; nothing where nothing is. */
function carriedOut(model: Model, wish: ReturnType<typeof aWish>): { readonly model: Model; readonly plan: ReturnType<typeof planHost>["domains"][number] | undefined } {
  const { domains: [plan], diagnostics } = planHost(model.host, [wish], sha256);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  if (plan === undefined) return { model, plan };
  const simulated = simulate(plan.nodes, model);
  if (!simulated.ok) throw new Error(simulated.why);
  for (const moment of simulated.moments) expectSafeToStart(moment.model, moment.step?.id ?? "before");
  return { model: simulated.end, plan };
}

describe.each(CASES)("an HVM guest $what", (guest) => {
  const { disks, moved = Object.keys(disks), move, by, switchOver, running } = guest;
  const wish = aWish("web1", moved, move);

  test("is planned so, ends on its volumes, and nothing is to be done then", () => {
    const state = hostOf(guest);
    const first = carriedOut(startModel(state), wish);
    expect(first.plan?.choices.map(({ strategy }) => strategy)).toEqual(by);
    if (switchOver !== undefined) expect(first.plan?.switchOver?.switch ?? "restart").toBe(switchOver);
    const { model } = switchOver === "next-reboot" ? carriedOut(rebootedItself(first.model, "web1"), wish) : first;
    expect(planHost(model.host, [wish], sha256).domains).toEqual([]);
    expectNothingLeft(model, "at the end");
    const { web1 } = model.host.domains;
    const there = Object.keys(disks).map((vdev) => (moved.includes(vdev) ? `/dev/vg0/web1-${vdev}` : `/srv/xen/web1/${vdev}.img`));
    expect(web1?.config?.disks.map(({ target }) => target)).toEqual(there);
    expect(web1?.config?.disks.map(({ vdev }) => vdev), "under the same names, by which it boots").toEqual(Object.keys(disks));
    if (running === false) expect(web1?.running).toBeUndefined();
    else expect(web1?.running?.paused).toBe(false);
  });
});

test.each([
  { what: "by files", disks: { xvda: BOOT, xvdb: DATA }, vdev: "xvdb", move: { strategy: "rsync" } },
  { what: "by dm", disks: { xvda: BOOT }, vdev: "xvda", move: { strategy: "dm", switch: "restart" } },
] as const)("a guest that may have no drivers of Xen's, and is restarted ($what), has its power button pressed", ({ disks, vdev, move }) => {
  const askedBy = (state: HostState): readonly unknown[] => {
    const { domains: [plan] } = planHost(state, [aWish("web1", [vdev], move)], sha256);
    const steps = stepsOf(plan?.nodes ?? []).filter(({ kind }) => kind === "shut-down");
    return steps.flatMap(({ args }) => shutDown.actions(args as ShutDown)).map((action) => "command" in action && action.command);
  };
  expect(askedBy(hostOf({ disks }))).toEqual([["xl", "shutdown", "-F", "--", "web1"]]);
  expect(askedBy(withFullImages(aHost([{ name: "web1", disks }]))), "others hear of it").toEqual([["xl", "shutdown", "--", "web1"]]);
});

test("what its device model emulates of a disk that the kernel serves is no reason against a mirror: the guest is taken off it first", () => {
  const state = emulating(hostOf({ disks: { xvda: BOOT } }), IMAGE);
  for (const move of [{ strategy: "dm", switch: "suspend" }, { strategy: "drbd", switch: "restart" }] as const) {
    const { plan } = carriedOut(startModel(state), aWish("web1", ["xvda"], move));
    const steps = stepsOf(plan?.nodes ?? []);
    const guard = steps.find(({ id }) => id === "guard-mirror") ?? steps.filter(({ kind }) => kind === "guard").at(-1);
    // on the host: there its own QEMU is a stranger like any other, if it has the image still (test/program/opened.test.ts)
    expect(guard?.args).toMatchObject({ attached: [{ vdev: "xvda" }], images: [{ path: IMAGE }] });
    const kinds = steps.map(({ kind }) => kind);
    const copies = kinds.findIndex((kind) => kind === "start-mirror" || kind === "connect-resource");
    expect(copies).toBeGreaterThan(kinds.indexOf("resume-guest"));
  }
});

describe("an HVM guest is refused", () => {
  const refused = (guest: Parameters<typeof hostOf>[0], vdev: string, move: MoveOptions, change = (state: HostState): HostState => state): string => {
    const { domains, diagnostics } = planHost(change(hostOf(guest)), [aWish("web1", [vdev], move)], sha256);
    expect(domains).toEqual([]);
    return diagnostics.map(({ code, summary, detail = "" }) => `${code}: ${summary}\n${detail}`).join("\n");
  };

  test.each([
    { what: "of a whole disk", vdev: "xvda", disk: BOOT, why: /it is a whole disk with a dos partition table/ },
    { what: "of a disk without partitions, which holds its boot block", vdev: "hda", disk: DATA, why: /boots from the first sectors of it, which hold no file/ },
    { what: "of both", vdev: "sda", disk: GPT, why: /gpt partition table[^]*boots from the first sectors of it/ },
  ])("the files $what", ({ vdev, disk, why }) => {
    expect(refused({ disks: { [vdev]: disk } }, vdev, { strategy: "rsync" })).toMatch(why);
  });

  test.each(["md", "md-preseed"] as const)("an array (%s) over its partitions", (strategy) => {
    expect(refused({ disks: { xvda: BOOT } }, "xvda", { strategy, switch: "suspend" })).toMatch(/Dom0's kernel reads the partition table on an array/);
  });

  test("a migration that this Xen can not make", () => {
    expect(refused({ disks: { xvda: BOOT }, can: ["pv", "hvm"] }, "xvda", { strategy: "dm", switch: "migrate" }))
      .toMatch(/can-not-migrate[^]*neither hap nor shadow paging, one of which the migration of a HVM guest takes/);
  });

  test("a mirror by a QEMU that shows it the same image as an emulated disk still: only one of the two would go over", () => {
    const guest = { disks: { xvda: BOOT }, qdisk: true } as const;
    expect(refused(guest, "xvda", { strategy: "qemu" }, (state) => emulating(state, IMAGE))).toMatch(/open more than once: an emulated disk of the guest's uses it too/);
  });

  test("where its device model runs in a domain of its own, which has the image as well", () => {
    const stub: Domain = {
      name: "web1-dm", otherConfigs: [], autostart: false, saved: false,
      running: {
        domid: 9, uuid: "stub", paused: false, memoryKiB: 32768, stored: [],
        attached: [{ vdev: "xvda", params: IMAGE, backend: "vbd", state: 4 }],
      },
    };
    for (const move of [{ strategy: "dm", switch: "suspend" }, { strategy: "drbd", switch: "restart" }] as const) {
      const said = refused({ disks: { xvda: BOOT } }, "xvda", move, (state) => ({ ...state, domains: { ...state.domains, "web1-dm": stub } }));
      expect(said).toMatch(/image-shared[^]*guest web1-dm/);
    }
  });
});

describe("one whose first disk is a file system without partitions", () => {
  const refusals = (says: string): readonly string[] => {
    const state = aHost([{ name: "web1", disks: { xvda: DATA }, extra: says }]);
    return planHost(state, [aWish("web1", ["xvda"], { strategy: "rsync" })], sha256).diagnostics
      .flatMap(({ code, detail }) => (code === "no-strategy-fits" ? [detail ?? ""] : []));
  };

  // xl overlooks a kernel of that name, and runs a boot loader for no HVM guest
  test.each([
    'builder = "hvm"\nkernel = "/usr/lib/xen-4.14/boot/hvmloader"\n',
    'builder = "hvm"\nkernel = "hvmloader"\nboot = "c"\n',
    'type = "hvm"\nbootloader = "pygrub"\n',
    'type = "hvm"\n',
  ])("boots from its first sectors, which rsync does not carry: %s", (says) => {
    expect(refusals(says)).toEqual([expect.stringContaining("the guest (HVM) boots from the first sectors of it")]);
  });

  test.each(['type = "hvm"\nkernel = "/boot/vmlinuz-guest"\n', 'bootloader = "pygrub"\n'])("goes by files where Dom0 gets its kernel: %s", (says) => {
    expect(refusals(says)).toEqual([]);
  });
});
