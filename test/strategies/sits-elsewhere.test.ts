import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { Model } from "../../src/core/model/model.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { recover } from "../../src/core/plan/recover.js";
import { simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { aHost, aWish, sha256, withFullImages } from "../support/a-host.js";
import { withConfigText } from "../support/a-return.js";

/** A run that was cut short in its mirror leaves the guest on the device that it had made, over the image. */

const wish = (move: MoveOptions) => [aWish("web1", ["xvda1"], move)];

function leftBy(strategy: string): Model {
  const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: {} } }]));
  const steps = unroll(planHost(state, wish({ strategy, switch: "suspend" }), sha256).domains[0]?.nodes ?? []);
  const ready = steps.findIndex(({ kind }) => kind === "wait-ready");
  const model = steps.slice(0, ready + 1).reduce((before, step) => simulateStep(step, before).model, startModel(state));
  return recover(steps.slice(0, ready + 1), "web1", model);
}

const taken = (model: Model, strategy: string) => {
  const { domains, diagnostics } = planHost(model.host, wish(strategy === "auto" ? {} : { strategy, switch: "suspend" }), sha256);
  return { took: domains[0]?.choices[0]?.strategy, diagnostics };
};

describe.each([
  ["dm", "/dev/mapper/converge-web1-xvda1", ["dm"]],
  ["md", "/dev/md/converge-web1-xvda1", ["md", "md-preseed"]],
  ["md-preseed", "/dev/md/converge-web1-xvda1", ["md", "md-preseed"]],
  ["drbd", "/dev/drbd/converge-web1-xvda1", ["drbd"]],
] as const)("a guest that a run with %s left on its device", (strategy, device, goOn) => {
  const model = leftBy(strategy);

  test("is gone on with by what can take that device over, and by nothing else: the image is below it", () => {
    expect(model.host.domains["web1"]?.running?.attached.map(({ params }) => params)).toEqual([device]);
    for (const other of ["dm", "md", "md-preseed", "drbd", "rsync"]) {
      const { took, diagnostics } = taken(model, other);
      if ((goOn as readonly string[]).includes(other)) expect(took, other).toBe(other);
      else expect(diagnostics, other).toMatchObject([{ code: "no-strategy-fits", fix: expect.stringContaining("it comes up on its image") as string }]);
    }
  });
});

describe.each(["d0p1", "51713", "0xca01"])("a guest on its device whose config somebody has rewritten since, so that it says %s for the same disk", (vdev) => {
  const rewritten = (model: Model) => withConfigText(model.host, (text) => text.replace(",xvda1,", `,${vdev},`));
  const planned = (model: Model, move: MoveOptions) => planHost(rewritten(model), [aWish("web1", [vdev], move, { volume: "vg0/web1-xvda1" })], sha256);

  test.each(["dm", "md", "drbd"])("sits there all the same: by %s it is gone on with, and by nothing else", (strategy) => {
    const model = leftBy(strategy);
    expect(planned(model, {}).domains[0]?.choices[0]?.strategy).toBe(strategy === "drbd" ? undefined : strategy);
    for (const other of ["dm", "md", "drbd", "rsync"] as const) {
      const { domains, diagnostics } = planned(model, { strategy: other, switch: "suspend" });
      if (other === strategy) expect(domains[0]?.choices[0]?.strategy, diagnostics.map(({ detail }) => detail).join("\n")).toBe(other);
      else expect(diagnostics, other).toMatchObject([{ code: "no-strategy-fits", fix: expect.stringContaining("it comes up on its image") as string }]);
    }
  });

  test("is taken onto no second device where its own reboot is awaited on the first", () => {
    const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: {} } }]));
    const move = { strategy: "dm", switch: "next-reboot", finish: "deferred" } as const;
    const steps = unroll(planHost(state, wish(move), sha256).domains[0]?.nodes ?? []);
    const stored = steps.findIndex(({ kind }) => kind === "update-stored");
    expect(stored).toBeGreaterThan(0);
    const model = steps.slice(0, stored + 1).reduce((before, step) => simulateStep(step, before).model, startModel(state));
    expect(planned(model, { strategy: "rsync" }).diagnostics).toMatchObject([{ code: "no-strategy-fits" }]);
    expect(planned(model, { strategy: "md", switch: "suspend" }).diagnostics).toMatchObject([{ code: "no-strategy-fits" }]);
  });
});

test("auto goes on with the mirror that the guest sits on, and says why not another", () => {
  const { domains } = planHost(leftBy("dm").host, wish({}), sha256);
  expect(domains[0]?.choices[0]?.strategy).toBe("dm");
  expect(domains[0]?.choices[0]?.against.find(({ strategy }) => strategy === "drbd")?.reasons)
    .toContain("an earlier run took the guest onto /dev/mapper/converge-web1-xvda1, and dm alone goes on from there");
  expect(taken(leftBy("drbd"), "auto").diagnostics).toMatchObject([{ code: "no-strategy-fits" }]);
});

describe.each(["dm", "md", "drbd"])("a guest with a disk on its device by %s", (strategy) => {
  const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: {}, xvdb: { qdisk: true } } }]));
  const first = planHost(state, [aWish("web1", ["xvda1"], { strategy, switch: "suspend", finish: "deferred" })], sha256);
  const steps = unroll(first.domains[0]?.nodes ?? []);
  const ready = steps.slice(0, steps.findIndex(({ kind }) => kind === "wait-ready") + 1);

  test.each(["left there by a run that is done", "left there by a run that was cut short"])("does not lose that run's boot unit to a move of another disk by QEMU, which commits without a restart: %s", (how) => {
    const walk = (of: typeof steps): Model => of.reduce((before, step) => simulateStep(step, before).model, startModel(state));
    const left = how.endsWith("done") ? walk(steps) : recover(ready, "web1", walk(ready));
    expect(left.ghost.bootUnits).toEqual(["web1"]);
    const { domains, diagnostics } = planHost(left.host, [aWish("web1", ["xvdb"], { strategy: "qemu" })], sha256);
    expect(domains).toEqual([]);
    expect(diagnostics).toMatchObject([{ code: "no-strategy-fits", detail: expect.stringContaining("boot unit has to stay: restart the guest first") as string }]);
  });
});
