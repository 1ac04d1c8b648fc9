import { expect, test } from "vitest";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { planLine } from "../../src/core/render/json-lines.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { aHost, aWish, MIB, sha256, swap } from "../support/a-host.js";

const state = aHost([{ name: "web1", disks: { xvda1: { bytes: 512 * MIB }, xvda2: { bytes: 64 * MIB, content: swap("u", 64 * MIB) } } }]);

test("a volume that is yet to be made holds what the preview says: what the image holds", () => {
  const plan = planHost(state, [aWish("web1", ["xvda1", "xvda2"], {})], sha256);
  expect(planLine(plan, describeStep)).toMatchObject({
    domains: [{ changes: [{ from: { content: "ext4" }, to: { content: "ext4" } }, { from: { content: "swap" }, to: { content: "swap" } }] }],
  });
});

test.each([
  { destroy: false, risk: "disruptive" },
  { destroy: true, risk: "destructive" },
])("to shut a guest down is $risk where it may be destroyed: $destroy", ({ destroy, risk }) => {
  const plan = planHost(state, [aWish("web1", ["xvda1", "xvda2"], { strategy: "rsync", destroy })], sha256);
  const steps = plan.domains.flatMap(({ nodes }) => stepsOf(nodes));
  expect(steps.filter(({ kind }) => kind === "shut-down").map((step) => describeStep(step).risk)).toEqual([risk]);
});
