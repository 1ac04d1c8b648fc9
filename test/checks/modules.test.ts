import { describe, expect, test } from "vitest";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, sha256, withFullImages } from "../support/a-host.js";

/** A kind of step says which modules of the kernel it needs: hosts are asked for them, and a plan is refused without. */

describe.each([
  ["rsync", "dm_snapshot"], ["rsync", "loop"], ["dm", "loop"], ["md", "raid1"], ["md-preseed", "raid1"], ["drbd", "drbd"],
] as const)("a move by %s", (strategy, module) => {
  test(`is not planned on a kernel without ${module}`, () => {
    const host = withFullImages(aHost([{ name: "web1", disks: { xvda1: {} } }]));
    const wishes = [aWish("web1", ["xvda1"], { strategy })];
    const codes = (state: typeof host) => planHost(state, wishes, sha256).diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
    expect(codes(host)).toEqual([]);
    const [code, ...others] = codes({ ...host, modules: { ...host.modules, [module]: "missing" } });
    expect(["missing-module", "no-strategy-fits"]).toContain(code);
    expect(others).toEqual([]);
  });
});
