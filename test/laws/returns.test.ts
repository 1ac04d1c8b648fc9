import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReturnWish } from "../../src/core/diff/diff-return.js";
import { diffReturn } from "../../src/core/diff/diff-return.js";
import type { DesiredDomain } from "../../src/core/model/desired.js";
import type { Model } from "../../src/core/model/model.js";
import { CARRY_BEGUN, sourceOfTags } from "../../src/core/model/names.js";
import type { Step } from "../../src/core/model/step.js";
import { diskKey, withDisk, withGhost, withRunning } from "../../src/core/model/transform.js";
import { guestWrites, startedFromConfig } from "../../src/core/model/guest.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { planReturn } from "../../src/core/plan/plan-return.js";
import { rebootDom0, recover, startAutostarted } from "../../src/core/plan/recover.js";
import { simulate, simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { kindOf } from "../../src/core/steps/kind-of.js";
import { sha256, withFullImages } from "../support/a-host.js";
import { asWritten } from "./as-written.js";
import { returns } from "./generated.js";
import type { Return } from "./generated.js";
import { expectNothingLeft, expectSafeToStart } from "./holds.js";
import { runs } from "./times.js";

/** Laws over guests that were moved, wrote on, and go back to their images. */

/** The host after every guest of the scene has been moved and has written on. */
function moved({ scene }: Return): Model {
  let model = startModel(scene.state);
  for (const plan of planHost(scene.state, scene.wishes, sha256).domains) {
    const simulated = simulate(plan.nodes, model);
    if (!simulated.ok) throw new Error(simulated.why);
    model = simulated.end;
  }
  return asWritten(guestWrites(guestWrites(model)));
}

function planned(model: Model, wish: ReturnWish) {
  const plan = planReturn(model.host, wish, sha256);
  expect(plan.diagnostics.filter((d) => d.severity === "error").map((d) => `${d.code}: ${d.summary}; ${d.detail ?? ""}`)).toEqual([]);
  return plan.domains[0];
}

/**
 * As for moves, but for what was given up: a guest that goes back without its writes finds its image as it was left,
 * and from then on every write that it is told is safe.
 */
function expectSafe(model: Model, begun: Model, wish: ReturnWish, when: string): void {
  if (wish.carryBack !== undefined) {
    // of what a guest swapped out nothing outlives its restart, wherever it lay
    const counted = Object.entries(model.ghost.acknowledged).filter(([disk]) => !isSwap(disk, begun));
    expectSafeToStart(withGhost(model, { acknowledged: Object.fromEntries(counted) }), when);
    return;
  }
  const domain = model.host.domains[wish.domain];
  for (const disk of domain?.config?.disks ?? []) {
    const key = diskKey(disk.target);
    const ghost = model.ghost.disks[key];
    if (ghost === undefined) throw new Error(`${when}: ${disk.target} is not there`);
    if (ghost.deceptive || !ghost.consistent) throw new Error(`${when}: ${disk.target} is no disk to start from`);
    if (isSwap(`${wish.domain}/${disk.vdev}`, begun)) continue;
    const isImage = key.startsWith("/");
    const runs = domain?.running?.paused === false && domain.running.attached.some((a) => a.vdev === disk.vdev && diskKey(a.params) === key);
    const expected = isImage && !runs ? (begun.ghost.disks[key]?.writes ?? 0) : (model.ghost.acknowledged[`${wish.domain}/${disk.vdev}`] ?? 0);
    if (ghost.writes < expected) throw new Error(`${when}: ${disk.target} lacks writes`);
  }
}

function isSwap(disk: string, { host }: Model): boolean {
  const path = `/srv/xen/${disk}.img`;
  return (host.images[path] ?? host.images[`${path}.retired`])?.content.type === "swap";
}

function withoutRehearsal(wish: DesiredDomain): DesiredDomain {
  const { rehearse: _none, ...move } = wish.move;
  return { ...wish, move, disks: wish.disks.map((disk) => {
    const { rehearse: _neither, ...own } = disk.move;
    return { ...disk, move: own };
  }) };
}

describe("a way back", () => {
  test("ends on the images, keeps every instant safe to start from, and finds nothing the second time", () => {
    fc.assert(
      fc.property(returns, (one) => {
        const begun = moved(one);
        const plan = planned(begun, one.wish);
        if (plan === undefined) return;
        const simulated = simulate(plan.nodes, begun);
        for (const moment of simulated.moments) expectSafe(moment.model, begun, one.wish, moment.step?.id ?? "before");
        if (!simulated.ok) throw new Error(simulated.why);
        const { end } = simulated;
        for (const change of plan.changes) {
          if (change.change === "forget-runs") throw new Error("a way back forgets nothing");
          const target = end.host.domains[one.wish.domain]?.config?.disks.find((disk) => disk.vdev === change.vdev)?.target;
          expect(target?.startsWith("/srv/xen/")).toBe(true);
          expect(end.host.volumes[`vg0/${one.wish.domain}-${change.vdev}`] === undefined).toBe(one.wish.removeVolume);
        }
        expectNothingLeft(end, "at the end");
        for (const name of begun.ghost.wasUp) expect(end.host.domains[name]?.running?.paused).toBe(false);
        expect(planReturn(end.host, one.wish, sha256)).toMatchObject({ domains: [], diagnostics: [] });
      }),
      runs(120),
    );
  });

  test("can be gone the other way again: where writes were carried the playbook moves it, else it is told what it would overwrite", () => {
    fc.assert(
      fc.property(returns, (one) => {
        const begun = moved(one);
        const plan = planned(begun, one.wish);
        if (plan === undefined) return;
        const back = simulate(plan.nodes, begun);
        if (!back.ok) throw new Error(back.why);
        const written = asWritten(guestWrites(back.end));
        // what was carried back has holes, which DRBD does not take: somebody has filled them
        let model = { ...written, host: withFullImages(written.host) };
        // the disks that did not go back are on their volumes: a clone would write to them, so nothing can be rehearsed
        const wishes = one.scene.wishes.map(withoutRehearsal);
        const again = planHost(model.host, wishes, sha256);
        const refused = again.diagnostics.filter((d) => d.severity === "error");
        const alone = plan.changes.filter((change) => change.change === "return-disk" && change.carry === "nothing");
        if (alone.length > 0 && !one.wish.removeVolume) {
          expect(refused.map((d) => d.code)).toEqual(alone.map(() => "volume-taken"));
          return;
        }
        expect(refused).toEqual([]);
        for (const next of again.domains) {
          const simulated = simulate(next.nodes, model);
          if (!simulated.ok) throw new Error(simulated.why);
          for (const moment of simulated.moments) expectSafeToStart(moment.model, `moved again, ${moment.step?.id ?? "before"}`);
          model = simulated.end;
        }
        expect(planHost(model.host, wishes, sha256).domains).toEqual([]);
      }),
      runs(80),
    );
  });

  function cut(started: readonly Step[], before: Model, half: "before" | "after", reboot: boolean, domain: string): Model {
    const current = started.at(-1);
    let model = half === "after" && current !== undefined ? simulateStep(current, before).model : before;
    if (reboot) {
      model = rebootDom0(model, "boot-2");
      // units of moves before: their mappings have gone, and they take themselves away
      const installed = started.some((step) => step.kind === "install-boot-unit");
      model = withGhost(model, { bootUnits: model.ghost.bootUnits.filter((name) => installed && name === domain) });
      // what was being written when the power went may look newer than it is
      for (const volume of Object.values(model.host.volumes)) {
        const image = volume.tags.includes(CARRY_BEGUN) ? sourceOfTags(volume.tags) : undefined;
        const ghost = image === undefined ? undefined : model.ghost.disks[image];
        if (image !== undefined && ghost !== undefined) model = withDisk(model, image, { ...ghost, deceptive: true });
      }
    }
    const recovered = recover(started, domain, model);
    return reboot ? startAutostarted(recovered) : recovered;
  }

  test.each([
    { half: "before", reboot: false }, { half: "after", reboot: false },
    { half: "before", reboot: true }, { half: "after", reboot: true },
  ] as const)("that is cut short at any step ($half it acts, reboot: $reboot) loses nothing, leaves nothing, and can be gone again", ({ half, reboot }) => {
    fc.assert(
      fc.property(returns, (one) => {
        const { wish } = one;
        const begun = moved(one);
        const plan = planned(begun, wish);
        if (plan === undefined) return;
        const steps = unroll(plan.nodes);
        const takenDown = steps.findIndex((step) => step.kind === "shut-down");
        let before = begun;
        steps.forEach((step, at) => {
          const when = `${half} ${step.id}${reboot ? ", reboot" : ""}`;
          const model = asWritten(cut(steps.slice(0, at + 1), before, half, reboot, wish.domain));
          before = simulateStep(step, before).model;
          expectSafe(model, begun, wish, when);
          expectNothingLeft(model, when);
          for (const name of begun.ghost.wasUp) {
            const ours = name === wish.domain && takenDown !== -1 && at >= takenDown;
            const expected = !reboot || ours || one.scene.state.domains[name]?.autostart === true;
            if (expected && model.host.domains[name]?.running?.paused !== false) throw new Error(`${when}: ${name} is down`);
          }
          for (const { vdev, target } of model.host.domains[wish.domain]?.config?.disks ?? []) {
            const volume = model.host.volumes[`vg0/${wish.domain}-${vdev}`];
            if (volume?.tags.includes(CARRY_BEGUN) !== true || !target.startsWith("/dev/")) continue;
            const plain = planReturn(model.host, { ...wish, disks: [vdev], carryBack: undefined as never }, sha256);
            if (!plain.diagnostics.some((d) => d.code === "image-half-carried")) throw new Error(`${when}: half an image would be gone back to`);
          }
          const again = planReturn(model.host, wish, sha256);
          const error = again.diagnostics.find((d) => d.severity === "error");
          if (error !== undefined) throw new Error(`${when}: ${error.code}: ${error.summary}`);
          let resumed = model;
          for (const next of again.domains) {
            const simulated = simulate(next.nodes, resumed);
            if (!simulated.ok) throw new Error(`${when}: ${simulated.why}`);
            for (const moment of simulated.moments) expectSafe(moment.model, begun, wish, `${when}, resumed at ${moment.step?.id ?? "-"}`);
            resumed = simulated.end;
          }
          if (diffReturn(wish, resumed.host).changes.length > 0) throw new Error(`${when}: not done after it was resumed`);
        });
      }),
      runs(15),
    );
  });

  test("whose guest somebody starts by hand while the run is dead leaves it the disks that its config names", () => {
    let onImages = 0;
    fc.assert(
      fc.property(returns, (one) => {
        const { wish } = one;
        const begun = moved(one);
        const steps = unroll(planned(begun, wish)?.nodes ?? []);
        let model = begun;
        steps.forEach((step, at) => {
          model = simulateStep(step, model).model;
          if (model.host.domains[wish.domain]?.running !== undefined) return;
          const byHand = guestWrites(startedFromConfig(model, wish.domain));
          for (const [what, left] of [["runs", byHand], ["is stopped again", withRunning(byHand, wish.domain, undefined)]] as const) {
            const when = `after ${step.id}, ${what}`;
            const recovered = recover(steps.slice(0, at + 1), wish.domain, left);
            const disks = recovered.host.domains[wish.domain]?.config?.disks ?? [];
            for (const { target } of disks) {
              if (recovered.ghost.disks[diskKey(target)] === undefined) throw new Error(`${when}: ${target} is not there`);
            }
            if (disks.some(({ target }) => target.startsWith("/srv/xen/"))) onImages += 1;
            expectNothingLeft(recovered, when);
          }
        });
      }),
      runs(60),
    );
    expect(onImages).toBeGreaterThan(0);
  });

  test("has steps whose undo takes back just what their effect did", () => {
    fc.assert(
      fc.property(returns, (one) => {
        let model = moved(one);
        for (const step of unroll(planned(model, one.wish)?.nodes ?? [])) {
          const kind = kindOf(step);
          const undo = kind.undo?.(step.args);
          const next = simulateStep(step, model);
          if (undo !== undefined && next.verdict === "ran" && step.kind !== "shut-down") {
            const back = undo.effect(kind.effect(step.args, model));
            const sorted = (tags: readonly string[]): readonly string[] => [...tags].sort();
            const volumes = (of: Model) => Object.values(of.host.volumes).map(({ name, tags }) => ({ name, tags: sorted(tags) }));
            expect(volumes(back), step.id).toEqual(volumes(model));
            expect(back.host.images, step.id).toEqual(model.host.images);
            expect(back.host.mounts, step.id).toEqual(model.host.mounts);
            expect(back.host.loops, step.id).toEqual(model.host.loops);
            expect(back.host.domains, step.id).toEqual(model.host.domains);
          }
          model = next.model;
        }
      }),
      runs(60),
    );
  });
});
