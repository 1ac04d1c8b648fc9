import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, GIB, MIB, sha256, withFullImages } from "../support/a-host.js";
import type { AGuest } from "../support/a-host.js";

/** `move.verify: full` of mirrors: both legs are compared at rest, or it is refused. */

const WEB: AGuest = { name: "web1", disks: { xvda1: {}, xvdb: { bytes: 128 * MIB } } };

function planned(move: MoveOptions, guest: AGuest = WEB, host = aHost([guest])) {
  const { domains, diagnostics } = planHost(host, [aWish("web1", ["xvda1", "xvdb"], move)], sha256);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return { plan: domains[0], errors, steps: stepsOf(domains[0]?.nodes ?? []) };
}

describe("a mirror by dm", () => {
  test("comes to rest once for all of its disks, after the last look and before anything is committed", () => {
    const { steps } = planned({ strategy: "dm", switch: "suspend", verify: "full" });
    const from = steps.findIndex(({ id }) => id === "guard-mirror");
    expect(steps.slice(from, from + 6).map(({ id }) => id)).toEqual(["guard-mirror", "hold", "xvda1.compare", "xvdb.compare", "release", "edit-config"]);
  });

  test.each([{}, { verify: "fresh" }] as const)("is only asked how it is where nobody wants more: %o", (options) => {
    const { plan, steps } = planned({ strategy: "dm", switch: "suspend", ...options });
    expect(steps.some(({ kind }) => kind === "hold-disks" || kind === "compare-legs")).toBe(false);
    expect(plan?.estimate.parts.map(({ what }) => what)).toEqual(["freeze", "thaw until ready"]);
  });

  test("counts the comparison as downtime, by the rate at which the host copies", () => {
    const history = [{ domain: "other", strategy: "dm", switch: "suspend", shutdownSeconds: 1, startSeconds: 1, downtimeSeconds: 2, bytesPerSecond: 32 * MIB }];
    const { plan } = planned({ strategy: "dm", switch: "suspend", verify: "full" }, WEB, { ...aHost([WEB]), history });
    expect(plan?.estimate.parts.map(({ what, seconds }) => [what, seconds])).toEqual([
      ["freeze", 1], ["thaw until ready", 1], ["comparing image and volume of xvda1", 4], ["comparing image and volume of xvdb", 8],
    ]);
    expect(plan?.estimate.downtimeSeconds).toBe(14);
    expect(plan?.estimate.parts[3]?.how).toBe("twice 128 MiB at 32 MiB/s, as this host has copied: move.verify is full");
  });

  test("is refused where the comparison breaks the budget", () => {
    const big: AGuest = { name: "web1", disks: { xvda1: {}, xvdb: { bytes: 4 * GIB } } };
    const { errors } = planned({ strategy: "dm", switch: "suspend", verify: "full", downtimeSeconds: 60 }, big, aHost([big]));
    expect(errors.map(({ code }) => code)).toEqual(["over-budget"]);
    expect(planned({ strategy: "dm", switch: "suspend", downtimeSeconds: 60 }, big, aHost([big])).errors).toEqual([]);
  });

  test("may take on the host three times what was forecast, and no longer than the budget", () => {
    const limit = (move: MoveOptions): unknown => planned({ strategy: "dm", switch: "suspend", verify: "full", ...move }).steps.find(({ id }) => id === "xvdb.compare")?.args;
    expect(limit({})).toMatchObject({ limitSeconds: 30 });
    expect(limit({ downtimeSeconds: 20 })).toMatchObject({ limitSeconds: 20 });
  });

  test("of a guest that is down keeps everybody from its disks, and pauses nobody", () => {
    const { steps, plan } = planned({ strategy: "dm", verify: "full" }, { ...WEB, running: false });
    expect(steps.find(({ id }) => id === "hold")?.args).toEqual({ mappings: ["converge-web1-xvda1", "converge-web1-xvdb"] });
    expect(plan?.estimate.downtimeSeconds).toBe(0);
    expect(steps.findIndex(({ id }) => id === "release")).toBeLessThan(steps.findIndex(({ id }) => id === "commit"));
  });

  test("that waits for the guest's own reboot compares nothing yet", () => {
    const { plan, steps } = planned({ strategy: "dm", switch: "next-reboot", verify: "full" });
    expect(steps.some(({ kind }) => kind === "compare-legs")).toBe(false);
    expect(plan?.estimate.downtimeSeconds).toBe(0);
  });
});

test.each(["md", "drbd"] as const)("a mirror by %s is completed first, and then keeps writes back", (strategy) => {
  const { steps, plan } = planned({ strategy, switch: "suspend", verify: "full" }, WEB, withFullImages(aHost([WEB])));
  const from = steps.findIndex(({ id }) => id === "guard-mirror");
  expect(steps.slice(from, from + 8).map(({ id }) => id)).toEqual([
    "guard-mirror", "xvda1.complete", "xvdb.complete", "hold", "xvda1.compare", "xvdb.compare", "release", "edit-config",
  ]);
  expect(steps.find(({ id }) => id === "hold")?.args).toEqual({ domain: "web1", mappings: [`${strategy}/converge-web1-xvda1`, `${strategy}/converge-web1-xvdb`] });
  expect(plan?.estimate.parts.map(({ what }) => what)).toContain("comparing image and volume of xvdb");
});

describe("it is refused", () => {
  test.each([
    { strategy: "qemu" as const, guest: { ...WEB, qdisk: true }, why: /QEMU goes over while the guest runs/ },
  ])("for $strategy, instead of being let be", ({ strategy, guest, why }) => {
    const { errors, plan } = planned({ strategy, switch: "restart", verify: "full" }, guest);
    expect(plan).toBeUndefined();
    expect(errors.map(({ code }) => code)).toEqual(["no-strategy-fits", "no-strategy-fits"]);
    expect(errors[0]?.detail).toMatch(why);
    expect(errors[0]?.fix).toMatch(/Leave `verify: full` out/);
    expect(planned({ strategy, switch: "restart" }, guest).errors, "without it all is well").toEqual([]);
  });

  test("and auto takes a way that can", () => {
    const guest = { ...WEB, qdisk: true };
    expect(planned({}, guest).plan?.choices[0]?.strategy).toBe("qemu");
    const { plan } = planned({ verify: "full" }, guest);
    expect(plan?.choices[0]?.strategy).not.toBe("qemu");
    expect(plan?.choices[0]?.against.find(({ strategy }) => strategy === "qemu")?.reasons.join()).toMatch(/move.verify is full/);
  });
});
