import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReturnWish } from "../../src/core/diff/diff-return.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { guestWrites } from "../../src/core/model/guest.js";
import type { Model } from "../../src/core/model/model.js";
import type { DomainPlan } from "../../src/core/model/plan.js";
import { planReturn } from "../../src/core/plan/plan-return.js";
import { simulate, simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { sha256 } from "../support/a-host.js";
import { asWritten } from "./as-written.js";
import type { Scene } from "./generated.js";
import { safeToStart, up as areUp } from "./laws.js";
import { runs } from "./times.js";
import { pathsOf, plansOf, walkOn } from "./walk.js";
import { scenesOf, WAYS } from "./ways.js";
import { after, ENDINGS } from "./world.js";

/**
 * A run has left a guest on the device that mirrored its disk. Another one takes it off that, or moves one more disk, and is cut
 * short anywhere: the guest is up, and one that xendomains has saved on the device finds it at boot, though the second run's boot
 * unit has taken the place of the first one's.
 */

const LEFT = ["dm, suspend", "md, suspended twice", "md-preseed, suspended twice", "drbd, suspended twice"] as const;

/** In `npm test` two of the laws are held, against one of them each. */
const turn = (name: (typeof LEFT)[number], at: number): { readonly tags: string[] } => ({ tags: LEFT.indexOf(name) === at ? [] : ["long"] });

const up = (name: string) => WAYS.filter((way) => way.name === name).map((way) => ({ ...way, running: true, contents: ["ext4", "swap"] as const }));

function wished({ wishes }: Scene, other: MoveOptions, disks: number): Scene["wishes"] {
  return wishes.map((wish) => ({
    ...wish, move: { ...wish.move, ...other }, disks: wish.disks.slice(0, disks).map((disk) => ({ ...disk, move: { ...disk.move, ...other } })),
  }));
}

describe("a guest that was left on its mirror's device, and whose second run is cut short anywhere,", () => {
  for (const name of LEFT) test.each(["suspend", "restart"] as const)(`loses nothing and is up, left by '${name}', taken off it by %s`, turn(name, 0), (how) => {
    const ways = up(name);
    expect(ways).toHaveLength(1);
    fc.assert(fc.property(scenesOf(ways, 1), (scene) => {
      const deferred = wished(scene, { finish: "deferred" }, 1);
      walkOn({ ...scene, wishes: deferred }, wished(scene, { finish: "now", switch: how }, 1));
    }), runs(2));
  });

  for (const name of LEFT) test(`loses nothing and is up, left by '${name}', one more disk moved`, { tags: ["long"] }, () => {
    const ways = up(name).map((way) => ({ ...way, moved: ["xvda1", "xvdb"] }));
    fc.assert(fc.property(scenesOf(ways, 1), (scene) => {
      const one = { ...scene, wishes: wished(scene, { finish: "deferred" }, 1) };
      walkOn(one, wished(scene, { strategy: "rsync", switch: "restart" }, 2));
    }), runs(2));
  });

  for (const name of LEFT) test(`loses nothing and is up, left by '${name}', taken back to its image with what it wrote`, turn(name, 3), () => {
    // of what a guest has swapped out nothing outlives its restart, wherever it lies
    const onFiles = up(name).map((way) => ({ ...way, contents: ["ext4"] as const }));
    let cuts = 0;
    fc.assert(fc.property(scenesOf(onFiles, 1), fc.constantFrom("files", "blocks"), fc.boolean(), (scene, carryBack, removeVolume) => {
      // its image is there to go back to
      const [first] = plansOf({ ...scene, wishes: wished(scene, { finish: "deferred", source: "keep" }, 1) });
      const [earlier = []] = pathsOf(first?.nodes ?? [], (min) => [min]);
      const start = startModel(scene.state);
      const from = asWritten(earlier.reduce((at, step) => simulateStep(step, at).model, start));
      const [guest] = scene.wishes;
      if (guest === undefined) throw new Error("nobody is moved");
      const domain = guest.name;
      const wish = { domain, at: guest.at, disks: [], move: {}, carryBack, removeVolume } as const;
      const [plan] = returning(from, wish);
      if (plan === undefined) throw new Error("nothing goes back");
      const steps = unroll(plan.nodes);
      let before = from;
      for (const [index, step] of steps.entries()) {
        const done = simulateStep(step, before).model;
        for (const [half, model] of [["nothing done", before], ["all done", done]] as const) {
          for (const ending of ENDINGS) {
            const when = `in ${step.id}, ${half}, ${ending}`;
            cuts += 1;
            const cut = { started: steps.slice(0, index + 1), domain, ended: false, earlier };
            const { model: end, booted, stopped } = after(cut, ending, model, guestWrites, (state, what) => { safeToStart(state, `${when}, ${what}`); });
            safeToStart(end, when);
            // Dom0 starts its own by itself; who was on a device is not one that the power took down alone
            if (booted === undefined && !ending.startsWith("power cut")) areUp(start.ghost.wasUp.filter((one) => one !== stopped), end, when);
            let again = asWritten(end);
            for (const next of returning(again, wish)) {
              const simulated = simulate(next.nodes, again);
              if (!simulated.ok) throw new Error(`${when}: ${simulated.why}`);
              again = simulated.end;
            }
            safeToStart(again, `${when}, resumed`);
            if (returning(asWritten(again), wish).length > 0) throw new Error(`${when}: not back after it was resumed`);
          }
        }
        before = done;
      }
    }), runs(2));
    expect(cuts).toBeGreaterThan(100);
  });
});

function returning({ host }: Model, wish: ReturnWish): readonly DomainPlan[] {
  const { domains, diagnostics } = planReturn(host, wish, sha256);
  const refused = diagnostics.find(({ severity }) => severity === "error");
  if (refused !== undefined) throw new Error(`refused: ${refused.code}: ${refused.summary}; ${refused.detail ?? ""}`);
  return domains;
}
