import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { againstMigrate, againstSuspend } from "../../src/core/switches/choose.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, GIB, MIB, sha256 } from "../support/a-host.js";
import type { AGuest } from "../support/a-host.js";

const WEB: AGuest = { name: "web1", disks: { xvda1: {} } };

function planned(move: MoveOptions, change: (state: HostState) => HostState = (state) => state, guest: AGuest = WEB) {
  const { domains: [domain], diagnostics } = planHost(change(aHost([guest])), [aWish("web1", ["xvda1"], { strategy: "dm", ...move })], sha256);
  const kinds = new Set(stepsOf(domain?.nodes ?? []).map((step) => step.kind));
  return {
    took: kinds.has("migrate-guest") ? "migrate" : kinds.has("save-guest") ? "suspend" : kinds.has("shut-down") ? "restart" : "nothing",
    choice: domain?.switchOver, estimate: domain?.estimate, diagnostics,
  };
}

const can = (...capabilities: readonly string[]) => (state: HostState): HostState => ({ ...state, host: { ...state.host, capabilities } });
const crowded = (state: HostState): HostState => ({ ...state, memory: { ...state.memory, dom0FreeBytes: 200 * MIB } });
const memory = (freeBytes: number) => (state: HostState): HostState => ({ ...state, memory: { ...state.memory, freeBytes } });

test("a guest with PCI devices of the host's can neither be suspended nor migrated, whether its config names them or not", () => {
  const state = can("pv", "shadow")(aHost([WEB]));
  const { web1 } = state.domains;
  if (web1?.running === undefined) throw new Error("no guest that runs");
  const plugged = { ...web1, running: { ...web1.running, passedThrough: true as const } };
  for (const against of [againstSuspend, againstMigrate]) {
    expect(against(web1, state)).toEqual([]);
    expect(against(plugged, state)).toEqual([expect.stringContaining("devices passed through")]);
  }
});

describe("a guest whose disks are mirrored", () => {
  test("is migrated where the hypervisor says that it can: that is forecast to cost the least", () => {
    const { took, choice, estimate } = planned({}, can("pv", "shadow"));
    expect(took).toBe("migrate");
    expect(choice?.because).toMatch(/^about [\d.]+ s of downtime, the shortest of what is possible$/);
    expect(choice?.against.map((other) => other.switch)).toEqual(["suspend", "restart", "next-reboot"]);
    expect(choice?.against[0]?.reasons).toEqual([expect.stringMatching(/^about [\d.]+ s of downtime$/)]);
    expect(estimate?.parts.map((part) => part.what)).toEqual(["hand over", "run on until ready"]);
  });

  test("is suspended where it can not be migrated, and the preview says why not", () => {
    const { took, choice } = planned({}, can("pv"));
    expect(took).toBe("suspend");
    expect(choice?.against[0]).toEqual({
      switch: "migrate", reasons: ["this Xen (4.17.7) is built without shadow paging, which the migration of a PV guest takes"],
    });
  });

  test("is suspended where its Xen does not tell yet what it can: 4.12 has the word pv in virt_caps, and none of paging", () => {
    const { took, choice } = planned({}, (state) => {
      const old = can("pv", "hvm", "hvm_directio", "pv_directio")(state);
      return { ...old, host: { ...old.host, xen: "4.12.4" } };
    });
    expect(took).toBe("suspend");
    expect(choice?.against[0]).toEqual({ switch: "migrate", reasons: ["Xen 4.12.4 does not say whether it can migrate guests"] });
  });

  test("is restarted where neither is possible", () => {
    const { took, choice } = planned({}, (state) => can("pv")(crowded(state)));
    expect(took).toBe("restart");
    expect(choice?.against.map((other) => other.switch)).toEqual(["migrate", "suspend", "next-reboot"]);
  });

  test("is restarted where its config was changed since it was built: what is restored has to fit", () => {
    const { took, choice, diagnostics } = planned({}, (state) => {
      const { web1 } = state.domains;
      if (web1?.running === undefined || web1.config?.settled === undefined) throw new Error("no guest that runs");
      const settled = { ...web1.config.settled, memoryKiB: 4 * 131072 };
      return can("pv", "shadow")({ ...state, domains: { web1: { ...web1, running: { ...web1.running, settled: [{ by: "libxl", settled }] } } } });
    });
    expect(took).toBe("restart");
    expect(choice?.against.slice(0, 2).map(({ reasons }) => reasons)).toEqual([
      ["its config has been changed since it was built: memory"], ["its config has been changed since it was built: memory"],
    ]);
    expect(diagnostics.map(({ code, severity }) => `${severity} ${code}`)).toEqual(["warning stored-config-differs"]);
  });

  test("is taken over as the host's own past runs say, not as guessed", () => {
    const slow = (state: HostState): HostState => ({
      ...can("pv", "shadow")(state),
      history: [
        { domain: "web1", switch: "migrate", shutdownSeconds: 20, startSeconds: 5, downtimeSeconds: 25, bytesPerSecond: 0 },
        { domain: "web1", switch: "suspend", shutdownSeconds: 2, startSeconds: 2, downtimeSeconds: 4, bytesPerSecond: 0 },
      ],
    });
    const { took, choice } = planned({}, slow);
    expect(took).toBe("suspend");
    expect(choice?.because).toContain("about 4 s");
    expect(choice?.against.find((other) => other.switch === "migrate")?.reasons).toEqual(["about 25 s of downtime"]);
  });

  const grownTo = (gibibytes: number) => (state: HostState): HostState => {
    const { web1 } = state.domains;
    if (web1?.running === undefined || web1.config === undefined) throw new Error("no web1 that runs");
    const memoryKiB = gibibytes * 1024 ** 2;
    const running = { ...web1.running, memoryKiB };
    const config = { ...web1.config, settled: { ...web1.config.settled, memoryKiB } };
    const roomy = { totalBytes: 512 * GIB, freeBytes: 256 * GIB, dom0FreeBytes: 256 * GIB };
    return { ...can("pv", "shadow")(state), memory: roomy, domains: { ...state.domains, web1: { ...web1, config, running } } };
  };

  test.each(["suspend", "migrate"] as const)("is not forecast by what other guests' memory took, where the books do not say how much that was: %s", (switchOver) => {
    const history = [{ domain: "small1", switch: switchOver, shutdownSeconds: 1, startSeconds: 1, downtimeSeconds: 2, bytesPerSecond: 0 }];
    const grown = grownTo(64);
    const forecast = (past: HostState["history"]) => planned({ switch: switchOver }, (state) => ({ ...grown(state), history: past })).estimate;
    expect(forecast(history)?.parts).toEqual(forecast([])?.parts);
    expect(forecast(history)?.downtimeSeconds).toBeGreaterThan(switchOver === "suspend" ? 600 : 5);
    expect(forecast([...history, { ...history[0], domain: "web1", shutdownSeconds: 40 } as HostState["history"][number]])?.parts[0])
      .toMatchObject({ seconds: 40, how: "median of 1 past move of web1" });
  });

  describe("with none of its own on record, is forecast by the memory of other guests", () => {
    const past = (domain: string, memoryMiB: number, shutdownSeconds: number, startSeconds: number, more: Partial<HostState["history"][number]> = {}) =>
      ({ domain, switch: "suspend", memoryMiB, shutdownSeconds, startSeconds, downtimeSeconds: shutdownSeconds + startSeconds, bytesPerSecond: 0, ...more });
    const parts = (history: HostState["history"], gibibytes: number, switchOver: "suspend" | "migrate" = "suspend") =>
      planned({ switch: switchOver }, (state) => ({ ...grownTo(gibibytes)(state), history })).estimate?.parts;

    test("of one that has as much: in the time that it took", () => {
      expect(parts([past("other1", 4096, 60, 12)], 4)?.map(({ seconds }) => seconds)).toEqual([60, 12]);
      expect(parts([past("other1", 4096, 60, 12)], 4)?.[0]?.how).toMatch(/^\d+(\.\d)? s and 4\.1 GiB of memory at \d.* MiB\/s, by 1 past move of other guests here$/);
    });

    test("of a smaller one: in as many times that as its memory is more, but for what it takes in any case", () => {
      const [freeze] = parts([past("small1", 1024, 14.8, 14.8)], 16) ?? [];
      // 2 s and 1060 MiB at 200 MiB/s are 7.3 s: the host is half as fast as guessed
      expect(freeze?.seconds).toBeGreaterThan(150);
      expect(freeze?.seconds).toBeLessThan(16 * 14.8);
    });

    test("and its wait until it is ready is not taken for more with more memory", () => {
      // the default: ten seconds of running
      const [freeze, thaw] = parts([past("small1", 128, 2.7, 12.7)], 16) ?? [];
      expect(freeze?.seconds).toBeCloseTo(85, -1);
      expect(thaw?.seconds).toBeCloseTo((freeze?.seconds ?? 0) + 10, 0);
      expect(parts([past("large1", 16384, 85, 95)], 0.125)?.[1]?.seconds, "nor for less with less").toBeCloseTo(12.7, 0);
    });

    test("of those that are next to it in memory, whichever is newer", () => {
      const history = [past("tiny1", 128, 1, 1), past("tiny2", 128, 1, 1), past("tiny3", 128, 1, 1), past("large1", 32768, 400, 300)];
      expect(parts(history, 32)?.map(({ seconds }) => seconds)).toEqual([400, 300]);
      expect(parts(history, 0.125)?.map(({ seconds }) => seconds)).toEqual([1, 1]);
    });

    test("and by nothing of a guest that was taken over in another way", () => {
      expect(parts([past("other1", 4096, 60, 12)], 4, "migrate")?.map(({ how }) => how)).toEqual(parts([], 4, "migrate")?.map(({ how }) => how));
      const migrated = parts([past("other1", 4096, 6, 3, { switch: "migrate" })], 4, "migrate");
      expect(migrated?.map(({ seconds }) => seconds)).toEqual([6, 3]);
    });

    test("and once there is one of its own, by that", () => {
      expect(parts([past("other1", 4096, 60, 12), past("web1", 4096, 7, 3)], 4)?.map(({ seconds }) => seconds)).toEqual([7, 3]);
    });
  });

  test("is restarted in the time that other guests' restarts took: their memory has no part in it", () => {
    const history = [{ domain: "small1", switch: "restart", shutdownSeconds: 3, startSeconds: 4, downtimeSeconds: 7, bytesPerSecond: 0 }];
    const { estimate } = planned({ switch: "restart" }, (state) => ({ ...state, history }));
    expect(estimate?.parts[0]).toMatchObject({ seconds: 3, how: "median of 1 past move of other guests here" });
  });

  test.each([
    ["a PVH guest, by the processor's own paging", { ...WEB, extra: 'type = "pvh"\n' }, can("pv", "hvm", "hap"), "migrate"],
    ["a PV guest, which that is not enough for", WEB, can("pv", "hvm", "hap"), "suspend"],
    ["a guest on a Xen that does not say", WEB, can("hvm", "hvm_directio"), "suspend"],
    ["a guest that there is no room for twice", WEB, (state: HostState) => memory(100 * MIB)(can("pv", "shadow")(state)), "suspend"],
    ["a guest that there is room for twice", WEB, (state: HostState) => memory(GIB)(can("pv", "shadow")(state)), "migrate"],
    ["a guest whose card has a name of its own", { ...WEB, extra: "vif = ['ip=10.0.0.9,vifname=web']\n" }, can("pv", "shadow"), "suspend"],
    ["a guest that forbids it", { ...WEB, extra: "nomigrate = 1\n" }, can("pv", "shadow"), "restart"],
  ] as const)("%s", (_name, guest, change, took) => {
    expect(planned({}, change, guest).took).toBe(took);
  });

  describe("a guest that an earlier run left on its mirror's device", () => {
    const wish = (move: MoveOptions) => [aWish("web1", ["xvda1"], { strategy: "dm", ...move })];
    const left = simulate(planHost(aHost([WEB]), wish({ switch: "suspend" }), sha256).domains[0]?.nodes ?? [], startModel(aHost([WEB])));
    const leaves = (change: (state: HostState) => HostState, move: MoveOptions = {}) => {
      if (!left.ok) throw new Error(left.why);
      const { domains: [domain], diagnostics } = planHost(change(left.end.host), wish({ finish: "now", ...move }), sha256);
      expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
      const end = simulate(domain?.nodes ?? [], left.end);
      if (!end.ok) throw new Error(end.why);
      expect(end.end.host.domains["web1"]?.running?.attached.map(({ params }) => params)).toEqual(["/dev/vg0/web1-xvda1"]);
      return domain;
    };
    test.each([
      ["is migrated off it where Dom0 is short of memory", (state: HostState) => can("pv", "shadow")(crowded(state)), "migrate"],
      ["is frozen where it can not be migrated", can("pv"), "suspend"],
      ["is restarted where neither is possible", (state: HostState) => can("pv")(crowded(state)), "restart"],
      ["is taken off it as the host's own past runs say", (state: HostState): HostState => ({
        ...can("pv", "shadow")(state),
        history: [{ domain: "web1", switch: "migrate", shutdownSeconds: 40, startSeconds: 5, downtimeSeconds: 45, bytesPerSecond: 0 }],
      }), "suspend"],
    ] as const)("%s", (_what, change, expected) => {
      const domain = leaves(change);
      expect(domain?.switchOver).toMatchObject({ switch: expected, because: expect.stringContaining("the shortest of what is possible") as string });
      const kinds = stepsOf(domain?.nodes ?? []).map(({ kind }) => kind);
      expect(kinds.includes("migrate-guest")).toBe(expected === "migrate");
      expect(kinds.includes("save-guest")).toBe(expected === "suspend");
      expect(kinds.includes("shut-down")).toBe(expected === "restart");
    });

    test("leaves it as the playbook says", () => {
      expect(leaves(can("pv", "shadow"), { switch: "restart" })?.switchOver).toEqual({ switch: "restart", because: "the playbook says so", against: [] });
    });
  });

  test("is refused a migration that is asked for and can not be, with what else there is", () => {
    const { diagnostics, took } = planned({ switch: "migrate" });
    expect(took).toBe("nothing");
    expect(diagnostics).toMatchObject([{ code: "can-not-migrate", severity: "error", fix: expect.stringContaining("switch: suspend") as string }]);
    const neither = planned({ switch: "migrate" }, crowded);
    expect(neither.diagnostics[0]?.fix).toMatch(/^Use `switch: restart`; `suspend` is not possible either/);
  });
});
