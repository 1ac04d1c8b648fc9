import { describe, expect, test } from "vitest";
import { MODULES } from "../../src/core/facts/modules.js";
import type { StepKind } from "../../src/core/model/step.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { aHost, aWish, sha256, withFullImages } from "../support/a-host.js";

/** A kind of step says which modules of the kernel it needs: hosts are asked for them, and a plan is refused without. */

const kinds: readonly StepKind<string, unknown>[] = Object.values<unknown>(stepKinds).map((kind) => kind as StepKind<string, unknown>);

test("each module that a kind of step needs is one that hosts are asked for", () => {
  const needed = kinds.flatMap(({ kind, modules = [] }) => modules.map((module) => ({ kind, module })));
  expect(needed.length).toBeGreaterThan(0);
  expect(needed.filter(({ module }) => !(MODULES as readonly string[]).includes(module))).toEqual([]);
});

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
