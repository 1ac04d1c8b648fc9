import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import type { ADisk } from "../support/a-host.js";
import { aHost, aWish, GIB, MIB, sha256, swap, withFullImages } from "../support/a-host.js";

/** What `auto` picks, and what it says of the others. */

interface Asked {
  readonly disks?: Readonly<Record<string, ADisk>>;
  readonly move?: MoveOptions;
  readonly running?: boolean;
  readonly bytes?: number;
  readonly host?: Partial<HostState>;
  /** Its images have no holes. */
  readonly full?: true;
}

function planned({ disks = { xvda1: {} }, move = {}, running = true, bytes, host, full }: Asked) {
  const made = aHost([{ name: "web1", running, disks }]);
  const state = { ...(full === true ? withFullImages(made) : made), ...host };
  const wish = aWish("web1", Object.keys(disks), move, bytes === undefined ? {} : { bytes });
  return planHost(state, [wish], sha256);
}

function chosen(asked: Asked) {
  const { domains, diagnostics } = planned(asked);
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  const choices = domains[0]?.choices ?? [];
  return { picked: choices.map((c) => [c.strategy, c.switch].join(" ").trim()), choices, estimate: domains[0]?.estimate };
}

const UNASKED = "only where the playbook names it";
const SPARSE = "its image is sparse, and md fails a guest's writes for good after one that finds no room";
const LAST = "it is for where no other way keeps the budget, or fits at all";

describe("auto", () => {
  test("says of what it never picks too what it would cost, or what stands against it; and nothing of that where the playbook names a way", () => {
    const unasked = (asked: Asked) => Object.fromEntries((chosen(asked).choices[0]?.against ?? [])
      .filter(({ strategy }) => ["md", "md-preseed", "drbd"].includes(strategy)).map((o) => [o.strategy, o] as const));
    const host = { images: withFullImages(aHost([{ name: "web1", disks: { xvda1: {} } }])).images };
    const costs = unasked({ host });
    for (const name of ["md", "md-preseed", "drbd"]) {
      const named = chosen({ host, move: { strategy: name } }).choices[0];
      expect(costs[name]?.forecast, name).toEqual(named?.forecast);
      expect(costs[name]?.switch, name).toBe(named?.switch);
    }
    const { drbd, md } = unasked({ host: { ...host, drbd: "9.1.0" } });
    expect(drbd?.forecast).toBeUndefined();
    expect(drbd?.reasons.join(" ")).toMatch(/DRBD/);
    expect(md?.forecast).toBeDefined();
    expect(unasked({ move: { strategy: "dm" } })).toEqual({});
  });

  test("says what is held against a way beside the disk that it is about, once", () => {
    const sparse = { xvda1: {}, xvda2: {} };
    const md = (choices: ReturnType<typeof chosen>["choices"]) => choices.map(({ against }) => against.find(({ strategy }) => strategy === "md")?.reasons);
    expect(md(chosen({ disks: sparse }).choices)).toEqual([[SPARSE], [SPARSE]]);
    const one = aHost([{ name: "web1", disks: sparse }]);
    const [xvda1, xvda2] = Object.values(withFullImages(one).images);
    if (xvda1 === undefined || xvda2 === undefined) throw new Error("no images");
    const images = { ...one.images, [xvda2.path]: xvda2 };
    expect(md(chosen({ disks: sparse, host: { images } }).choices)).toEqual([[SPARSE], [`xvda1: ${SPARSE}`]]);
  });

  test("takes no way that goes by the guest's config where that names other cards than it has, if there is another", () => {
    const made = aHost([{ name: "web1", disks: { xvda1: {} } }]);
    const web1 = made.domains["web1"];
    if (web1?.config?.settled === undefined || web1.running === undefined) throw new Error("no guest");
    const domains = { web1: { ...web1, config: { ...web1.config, settled: { ...web1.config.settled, cards: [] } }, running: { ...web1.running, macs: ["00:16:3e:00:00:01"] } } };
    const { picked, choices } = chosen({ host: { domains } });
    expect(picked).toEqual(["rsync restart"]);
    expect(choices[0]?.against.find(({ strategy }) => strategy === "dm")?.reasons).toEqual(["its config names 0 network cards, and the guest has 1"]);
  });

  test("says of a file system that the disk does not have that it is not to be named", () => {
    const state = aHost([{ name: "web1", disks: { xvda1: {} } }]);
    const [wish] = [aWish("web1", ["xvda1"], {}, { filesystem: "xfs" })];
    expect(planHost(state, [wish], sha256).diagnostics).toMatchObject([{ code: "no-strategy-fits", fix: "Leave 'filesystem: xfs' out: what the disk holds comes over as it is." }]);
  });

  test("counts a size that comes to the image's own in whole extents as that", () => {
    const wish = aWish("web1", ["xvda1"], {}, { bytes: 64 * MIB - 1024 });
    const { choices = [] } = planHost(aHost([{ name: "web1", disks: { xvda1: { bytes: 64 * MIB } } }]), [wish], sha256).domains[0] ?? {};
    expect(choices[0]?.strategy).toBe("dm");
    expect(choices[0]?.because.join(" ")).not.toContain("asked for");
  });

  test("freezes a running guest rather than restarting it, and says what each other way would cost", () => {
    const { picked, choices, estimate } = chosen({});
    expect(picked).toEqual(["dm suspend"]);
    expect(choices[0]?.against.map((o) => [o.strategy, o.switch, o.reasons[0]])).toEqual([
      ["dm", "restart", "the guest would lose more time"], ["rsync", "restart", "the guest would lose more time"],
      ["md", "suspend", SPARSE], ["qemu", undefined, "it is served by the kernel (blkback), not by QEMU (backendtype=qdisk)"],
      ["drbd", undefined, expect.stringContaining("its image is sparse")], ["md-preseed", "suspend", SPARSE],
    ]);
    const considered = choices[0]?.against.filter((o) => o.reasons[0] !== UNASKED && o.reasons[0] !== SPARSE) ?? [];
    const down = [choices[0]?.forecast, ...considered.flatMap((o) => o.forecast ?? [])].map((f) => f?.downtimeSeconds ?? -1);
    expect(down).toEqual([...down].sort((a, b) => a - b));
    expect(choices[0]?.forecast).toEqual({
      copyBytes: estimate?.copyBytes, seconds: estimate?.seconds, downtimeSeconds: estimate?.downtimeSeconds,
    });
  });

  test("restarts where Dom0 has no room for the guest's memory", () => {
    const host = { memory: { totalBytes: 8 * GIB, freeBytes: GIB, dom0FreeBytes: 100 * MIB } };
    expect(chosen({ host }).picked).toEqual(["dm restart"]);
  });

  test("takes files where a file system of another size is asked for, larger or smaller", () => {
    const larger = chosen({ bytes: 128 * MIB });
    expect(larger.picked).toEqual(["rsync restart"]);
    expect(larger.choices[0]?.against[0]?.reasons[0]).toContain("blocks leave its ext4 at 64 MiB");
    expect(chosen({ bytes: 32 * MIB }).picked).toEqual(["rsync restart"]);
  });

  test("takes blocks all the same where files can not be had", () => {
    expect(chosen({ disks: { xvda: { content: { type: "partitions", table: "dos" } } }, bytes: 128 * MIB }).picked).toEqual(["dm suspend"]);
  });

  describe("takes md last of all", () => {
    const WITHOUT = { modules: { ...aHost([]).modules, dm_mirror: "missing" } } as const;
    const blocks = { xvda1: { content: { type: "unknown" } } } as const;

    test("where neither files nor dm fit, by the switch-over that costs the least", () => {
      const { picked, choices } = chosen({ disks: blocks, host: WITHOUT, full: true });
      expect(picked).toEqual(["md suspend"]);
      expect(choices[0]?.against.find(({ strategy }) => strategy === "dm")?.reasons).toEqual(["the kernel has no module dm_mirror"]);
      expect(chosen({ disks: blocks, host: WITHOUT, running: false }).picked).toEqual(["md restart"]);
    });

    test("where all else would break the budget", () => {
      const { picked, choices } = chosen({ host: WITHOUT, move: { downtimeSeconds: 10 }, full: true });
      expect(picked).toEqual(["md suspend"]);
      expect(choices[0]?.against[0]?.strategy).toBe("rsync");
      expect(choices[0]?.against[0]?.reasons).toEqual(["the guest would be down for longer than its budget allows"]);
    });

    test("but not where it is refused, for the image is sparse", () => {
      const { picked, choices } = chosen({ host: WITHOUT, move: { downtimeSeconds: 10 } });
      expect(picked).toEqual(["rsync restart"]);
      expect(choices[0]?.against.find(({ strategy }) => strategy === "md")?.reasons[0]).toBe(SPARSE);
    });

    test("but not for less downtime, nor where one disk has another way and all have that", () => {
      const { picked, choices } = chosen({ host: WITHOUT, full: true });
      expect(picked).toEqual(["rsync restart"]);
      expect(choices[0]?.against.filter(({ strategy }) => strategy === "md").map(({ reasons }) => reasons)).toEqual([[LAST]]);
      expect(chosen({}).picked).toEqual(["dm suspend"]);
    });

    test("and not where the host lacks mdadm or raid1: there is no way then", () => {
      const without = { ...WITHOUT, tools: { ...aHost([]).tools, mdadm: { present: false } } };
      const { diagnostics } = planned({ disks: blocks, host: without });
      expect(diagnostics).toMatchObject([{ code: "no-strategy-fits" }]);
      expect(diagnostics[0]?.detail).toContain("md: mdadm is not installed");
    });

    test("for a disk that nothing is said of, beside one that is to go by it", () => {
      const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: {}, xvdb: {} } }]));
      const both = aWish("web1", ["xvda1", "xvdb"]);
      const wish = { ...both, disks: both.disks.map((disk) => (disk.vdev === "xvdb" ? { ...disk, move: { strategy: "md" } } : disk)) };
      expect(planHost(state, [wish], sha256).domains[0]?.choices.map(({ strategy }) => strategy)).toEqual(["md", "md"]);
    });
  });

  test("copies files where a size is asked for, though QEMU could go over without a restart", () => {
    const state = aHost([{ name: "web1", qdisk: true, disks: { xvda1: {} } }]);
    const picked = (more: { readonly bytes?: number }) => planHost(state, [aWish("web1", ["xvda1"], {}, more)], sha256).domains[0]?.choices[0];
    expect(picked({})?.strategy).toBe("qemu");
    expect(picked({ bytes: 128 * MIB })?.strategy).toBe("rsync");
    expect(picked({ bytes: 128 * MIB })?.against.find(({ strategy }) => strategy === "qemu")?.reasons).toEqual(["128 MiB are asked for, and blocks leave its ext4 at 64 MiB"]);
  });

  test("does not take what the host has no tool for, where another way is left", () => {
    const tools = { ...aHost([]).tools, rsync: { present: false } };
    const { picked, choices } = chosen({ running: false, host: { tools } });
    expect(picked).toEqual(["dm restart"]);
    expect(choices[0]?.against.find(({ strategy }) => strategy === "rsync")?.reasons).toEqual(["rsync is not installed"]);
  });

  test("takes what is done first where the guest is down anyway: files, unless the disk is so small that to look through them takes longer", () => {
    expect(chosen({ running: false, disks: { xvda1: { bytes: GIB } } }).picked).toEqual(["rsync restart"]);
    expect(chosen({ running: false, disks: { xvda1: { bytes: 64 * MIB } } }).picked).toEqual(["dm restart"]);
  });

  test("makes swap anew beside files, and mirrors it beside a mirror", () => {
    const disks = { xvda1: {}, xvda2: { content: swap("s", 64 * MIB) } };
    expect(chosen({ disks }).picked).toEqual(["dm suspend", "dm suspend"]);
    expect(chosen({ disks, move: { strategy: "rsync" } }).picked).toEqual(["rsync restart", "new-swap restart"]);
    expect(chosen({ disks, move: { strategy: "dm", switch: "restart" } }).picked).toEqual(["dm restart", "dm restart"]);
  });

  test("goes by what earlier runs on the host took", () => {
    const run = { domain: "web1", bytesPerSecond: 0, downtimeSeconds: 0 };
    const history = [
      { ...run, strategy: "dm", switch: "suspend", shutdownSeconds: 60, startSeconds: 60 },
      { ...run, strategy: "rsync", switch: "restart", shutdownSeconds: 1, startSeconds: 2 },
    ];
    expect(chosen({ host: { history } }).picked).toEqual(["dm restart"]);
  });

  test("names what stands against all ways when there is none", () => {
    const { diagnostics } = planned({ disks: { xvda: { format: "qcow2" } } });
    expect(diagnostics.map((d) => d.code)).toContain("no-strategy-fits");
  });

  test("does not move one disk by files and another by blocks, and says so", () => {
    const disks = { xvda1: {}, xvdb: { content: { type: "partitions", table: "dos" } as const } };
    expect(planned({ disks, bytes: 32 * MIB }).diagnostics.map((d) => d.code)).toContain("no-strategy-fits");
    const state = aHost([{ name: "web1", disks }]);
    const both = aWish("web1", ["xvda1", "xvdb"]);
    const wish = { ...both, disks: both.disks.map((disk) => (disk.vdev === "xvda1" ? { ...disk, bytes: 32 * MIB } : disk)) };
    expect(planHost(state, [wish], sha256).diagnostics).toMatchObject([{ code: "mixed-strategies" }]);
  });

  test("keeps the budget before it keeps the size that is asked for, and says so", () => {
    const asked = (downtimeSeconds: number) => chosen({ bytes: 128 * MIB, move: { downtimeSeconds } });
    const { picked, choices, estimate } = asked(10);
    expect(picked).toEqual(["dm suspend"]);
    expect(estimate?.downtimeSeconds).toBeLessThanOrEqual(10);
    expect(choices[0]?.because).toContain("128 MiB are asked for, and blocks leave its ext4 at 64 MiB");
    expect(choices[0]?.against.find(({ strategy }) => strategy === "rsync")?.reasons).toEqual(["the guest would be down for longer than its budget allows"]);
    expect(asked(60).picked, "which files keep as well").toEqual(["rsync restart"]);
    expect(chosen({ bytes: 128 * MIB }).picked, "there is none").toEqual(["rsync restart"]);
  });

  test("takes what is as asked for where no way keeps the budget", () => {
    const { domains, diagnostics } = planned({ bytes: 128 * MIB, move: { downtimeSeconds: 1 } });
    expect(domains[0]?.choices.map(({ strategy }) => strategy)).toEqual(["rsync"]);
    expect(diagnostics).toMatchObject([{ code: "over-budget", severity: "warning" }]);
  });

  test("does not take what the host lacks something for, be it all that keeps the budget", () => {
    const history = [{ domain: "web1", strategy: "rsync", switch: "restart", shutdownSeconds: 0.5, startSeconds: 0.5, downtimeSeconds: 1, bytesPerSecond: 0 }];
    const move = { downtimeSeconds: 4, switch: "restart", verify: "full" } as const;
    const slow = ["dm", "md"].map((strategy) => ({ ...history[0], strategy, switch: "none", bytesPerSecond: MIB }) as HostState["history"][number]);
    const fast = [...history, ...slow];
    expect(chosen({ move, host: { history: fast } }).picked).toEqual(["rsync restart"]);
    const { diagnostics } = planned({ move, host: { history: fast, tools: { ...aHost([]).tools, rsync: { present: false } } } });
    expect(diagnostics.map(({ code }) => code), "what is held against the way that can be gone").toEqual(["over-budget"]);
  });

  test("stays with a budget that only one way keeps", () => {
    const { picked, estimate } = chosen({ move: { downtimeSeconds: 10 } });
    expect(picked).toEqual(["dm suspend"]);
    expect(estimate?.downtimeSeconds).toBeLessThan(10);
  });
});
