import { expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { aHost, aWish, sha256, withFullImages } from "../support/a-host.js";
import type { AGuest } from "../support/a-host.js";

/** The weight of the run's unit, as the playbook gives it, and what it is while the guest waits. */

function planned(move: MoveOptions, guest: Partial<AGuest> = {}) {
  // only an image that no snapshot can be taken of is copied while the guest is down
  const disk = move.offline === true ? { elsewhere: true } : {};
  const { domains, diagnostics } = planHost(withFullImages(aHost([{ name: "web1", disks: { xvda1: disk }, ...guest }])), [aWish("web1", ["xvda1"], move)], sha256);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const [plan] = domains;
  return { weight: plan?.ioWeight, kinds: stepsOf(plan?.nodes ?? []).map(({ kind }) => kind) };
}

const throttle = { ioWeight: 50 };

test("it is lifted right before the guest is shut down for its last pass", () => {
  const { weight, kinds } = planned({ strategy: "rsync", throttle });
  expect(weight).toBe(50);
  expect(kinds.indexOf("lift-weight")).toBe(kinds.indexOf("shut-down") - 1);
  expect(stepKinds["lift-weight"].actions({ domain: "web $1" })).toEqual([
    { verb: ["try"], command: ["systemctl", "set-property", "--runtime", "converge-web_20_241.service", "IOWeight=100"] },
  ]);
});

test.each<readonly [string, MoveOptions]>([
  ["nobody asks for one", { strategy: "rsync" }],
  ["the unit has more than its share anyway", { strategy: "rsync", throttle: { ioWeight: 500 } }],
  ["there is one pass only, which the playbook wants held back", { strategy: "rsync", offline: true, throttle }],
  ["the kernel carries what the guest waits for", { strategy: "dm", switch: "restart", throttle }],
  ["the unit has its share where disks are compared", { strategy: "dm", switch: "suspend", verify: "full", throttle: { ioWeight: 100 } }],
])("it is left as it is where %s", (_, move) => {
  expect(planned(move).kinds).not.toContain("lift-weight");
});

test.each<readonly [string, Partial<AGuest>]>([["dm", {}], ["md", {}], ["md-preseed", {}], ["drbd", {}], ["qemu", { qdisk: true }]])(
  "it is lifted right before a guest that %s mirrors is paused, to be compared", (strategy, guest) => {
    const move = { strategy, verify: "full", throttle } as MoveOptions;
    const { kinds } = planned(strategy === "qemu" ? move : { ...move, switch: "suspend" }, guest);
    expect(kinds.filter((kind) => kind === "lift-weight")).toHaveLength(1);
    expect(kinds.indexOf("lift-weight")).toBe(kinds.indexOf("hold-disks") - 1);
  },
);

test("it is left as it is where a guest that is down is compared: nobody waits", () => {
  const { kinds } = planned({ strategy: "dm", verify: "full", throttle }, { running: false });
  expect(kinds).toContain("hold-disks");
  expect(kinds).not.toContain("lift-weight");
});
