import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { guestWrites, rebootedItself } from "../../src/core/model/guest.js";
import type { Model } from "../../src/core/model/model.js";
import type { Step } from "../../src/core/model/step.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { bringBackNames, commitsOf, rebootDom0, recover, startAutostarted } from "../../src/core/plan/recover.js";
import { simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { sha256 } from "../support/a-host.js";
import type { Scene } from "./generated.js";
import { nothingLeft, safeToStart, up } from "./laws.js";
import { runs } from "./times.js";
import { scenesOf, WAYS } from "./ways.js";
import { restoredGuests, savedGuests } from "./world.js";

/**
 * A run has made a guest ready for its own reboot, and before it reboots another run comes with other wishes, and comes to nothing:
 * what it takes back is not what the guest's reboot needs.
 */

type Strategy = NonNullable<MoveOptions["strategy"]>;

/** What the first run has left, and the second one that goes on from there. */
const GOES_ON: readonly (readonly [Strategy, MoveOptions])[] = [
  ["dm", { strategy: "dm", switch: "restart" }], ["dm", { strategy: "dm", switch: "suspend", finish: "now" }],
  ["md", { strategy: "md", switch: "suspend" }], ["md", { strategy: "md-preseed", switch: "restart" }],
  ["md-preseed", { strategy: "md", switch: "restart" }], ["md-preseed", { strategy: "md-preseed", switch: "suspend" }],
  ["drbd", { strategy: "drbd", switch: "restart" }],
];

const waysOf = (strategy: Strategy) => WAYS.filter(({ name }) => name === `${strategy}, next-reboot`);

/** The same disks, and others where `moved` says so, moved in another way. */
function withOther({ wishes }: Scene, other: MoveOptions): Scene["wishes"] {
  return wishes.map((wish) => ({
    ...wish, move: { ...wish.move, ...other }, disks: wish.disks.map((disk) => ({ ...disk, move: { ...disk.move, ...other } })),
  }));
}

interface Ready {
  readonly steps: readonly Step[];
  readonly model: Model;
}

/** The first run has come to its end, and the guest runs on, on its image. */
function madeReady(scene: Scene): Ready {
  const [plan] = planHost(scene.state, scene.wishes, sha256).domains;
  expect(plan?.awaits).toBe("reboot");
  const steps = unroll(plan?.nodes ?? []);
  return { steps, model: steps.reduce((at, step) => simulateStep(step, at, guestWrites).model, startModel(scene.state)) };
}

/** The second run dies before and after each of its steps and is taken back; then each of what may happen to the guest happens. */
function cutAtEachStep(scene: Scene, ready: Ready, wishes: Scene["wishes"]): void {
  const planned = planHost(ready.model.host, wishes, sha256);
  expect(planned.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const [plan] = planned.domains;
  if (plan === undefined) throw new Error("nothing to do");
  const name = plan.domain;
  const skipped = new Set<Step>();
  // until the second run commits, the first one counts as well
  const names = (begun: readonly Step[], booted: Model): Model => {
    const own = begun.length === 0 ? booted : bringBackNames(begun, name, booted);
    return commitsOf(begun, booted).length > 0 ? own : bringBackNames(ready.steps, name, own);
  };
  let model = ready.model;
  for (const [at, step] of unroll(plan.nodes).entries()) {
    // the boot unit is each run's own, which the model does not tell apart
    if (step.kind !== "install-boot-unit" && simulateStep(step, model, (same) => same).verdict === "done") skipped.add(step);
    const after = simulateStep(step, model, guestWrites);
    if (after.verdict === "conflict") throw new Error(`${step.id} finds something in its way`);
    const begun = unroll(plan.nodes).slice(0, at + 1);
    const ran = begun.filter((one) => !skipped.has(one));
    for (const [half, cut] of [["before", model], ["after", after.model]] as const) {
      const when = `${half} ${step.id}`;
      const back = recover(ran, name, cut, { guests: guestWrites });
      safeToStart(back, when);
      up([name], back, when);
      nothingLeft(back, scene.state, when, { earlier: ready.model });
      const own = ran.some(({ kind }) => kind === "install-boot-unit");
      for (const [what, goesOn] of [["goes on", back], ["has rebooted itself", guestWrites(rebootedItself(back, name))]] as const) {
        safeToStart(goesOn, `${when}, ${what}`);
        up([name], goesOn, `${when}, ${what}`);
        for (const orderly of [true, false]) {
          const booted = rebootDom0(orderly ? savedGuests(goesOn) : goesOn, "boot-2");
          const named = booted.ghost.bootUnits.includes(name) ? names(own ? begun : [], booted) : booted;
          safeToStart(startAutostarted(orderly ? restoredGuests(named) : named), `${when}, ${what}, Dom0 rebooted${orderly ? "" : " by a power cut"}`);
        }
      }
    }
    model = after.model;
  }
  nothingLeft(model, scene.state, "at the end", { waiting: plan.awaits === undefined ? [] : [name] });
}

describe("a guest whose own reboot is awaited, and whose second run comes to nothing,", () => {
  test.each(GOES_ON.map(([first, second]) => ({ first, second, what: `${second.strategy ?? ""}, ${second.switch ?? ""}` })))("comes up with all that it wrote, made ready by $first, then $what", ({ first, second }) => {
    fc.assert(fc.property(scenesOf(waysOf(first), 1), (scene) => { cutAtEachStep(scene, madeReady(scene), withOther(scene, second)); }), runs(3));
  });

  test.each(["dm", "md", "md-preseed", "drbd"] as const)("comes up with all that it wrote, made ready by %s, then with one more disk", (strategy) => {
    const more = scenesOf(waysOf(strategy).map((way) => ({ ...way, moved: ["xvda1", "xvdb"] })), 1);
    fc.assert(fc.property(more, (scene) => {
      const one = { ...scene, wishes: scene.wishes.map((wish) => ({ ...wish, disks: wish.disks.slice(0, 1) })) };
      cutAtEachStep(one, madeReady(one), scene.wishes);
    }), runs(3));
  });

  test.each([
    { first: "dm", others: ["rsync", "md", "md-preseed", "drbd"] }, { first: "md", others: ["rsync", "dm", "drbd"] },
    { first: "md-preseed", others: ["rsync", "dm", "drbd"] }, { first: "drbd", others: ["rsync", "dm", "md", "md-preseed"] },
  ] as const)("made ready by $first, is not moved in another way meanwhile", ({ first, others }) => {
    fc.assert(fc.property(scenesOf(waysOf(first), 1), fc.constantFrom(...others), fc.constantFrom("restart", "next-reboot"), (scene, strategy, switchOver) => {
      const { model } = madeReady(scene);
      const planned = planHost(model.host, withOther(scene, { strategy, switch: strategy === "rsync" ? "restart" : switchOver }), sha256);
      expect(planned.domains).toEqual([]);
      expect(planned.diagnostics.find(({ code }) => code === "no-strategy-fits")).toMatchObject({
        detail: expect.stringContaining("an earlier run made the guest's own reboot take it onto") as string,
        fix: expect.stringContaining("Name the strategy that goes on from there") as string,
      });
    }), runs(4));
  });
});
