import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { verdictOf } from "../../src/core/goals/verdict.js";
import type { Model } from "../../src/core/model/model.js";
import { diskKey } from "../../src/core/model/transform.js";
import type { Step } from "../../src/core/model/step.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { rebootDom0, recover, startAutostarted } from "../../src/core/plan/recover.js";
import { simulate, simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { kindOf } from "../../src/core/steps/kind-of.js";
import { sha256 } from "../support/a-host.js";
import { scenes } from "./generated.js";
import type { Scene } from "./generated.js";

/** Laws over every plan that generated hosts and wishes lead to. */

const RUNS = { numRuns: 150 };

function plan(scene: Scene) {
  const planned = planHost(scene.state, scene.wishes, sha256);
  expect(planned.diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  return planned;
}

/** Everything that a start from the config on disk would read holds all that the guest was told is safe. */
function expectSafeToStart(model: Model, when: string): void {
  for (const domain of Object.values(model.host.domains)) {
    const lists = [domain.config?.disks ?? [], domain.running?.stored ?? []];
    for (const disk of lists.flat()) {
      const ghost = model.ghost.disks[diskKey(disk.target)];
      const acknowledged = model.ghost.acknowledged[`${domain.name}/${disk.vdev}`] ?? 0;
      expect(ghost, `${when}: ${disk.target}`).toBeDefined();
      expect(ghost?.writes ?? -1, `${when}: ${disk.target} lacks writes`).toBeGreaterThanOrEqual(acknowledged);
      expect(ghost?.deceptive, `${when}: ${disk.target} looks newer than it is`).toBe(false);
      expect(ghost?.consistent, `${when}: ${disk.target} is half a copy`).toBe(true);
    }
  }
}

function expectNothingLeft(model: Model, when: string): void {
  expect(model.host.mounts.filter((m) => m.target.startsWith("/run/converge")), when).toEqual([]);
  expect(model.host.loops, when).toEqual([]);
  expect(model.ghost.bootUnits, when).toEqual([]);
  expect(Object.values(model.host.volumes).filter((v) => v.kind === "snapshot"), when).toEqual([]);
}

describe("a plan", () => {
  test("ends in the desired state, and planning from there gives nothing", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        let model = startModel(scene.state);
        for (const domain of plan(scene).domains) {
          const simulated = simulate(domain.nodes, model);
          if (!simulated.ok) throw new Error(simulated.why);
          model = simulated.end;
        }
        expect(planHost(model.host, scene.wishes, sha256).domains).toEqual([]);
        expectNothingLeft(model, "at the end");
      }),
      RUNS,
    );
  });

  test("keeps every instant safe to start from, and every guest that was up ends up", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        let model = startModel(scene.state);
        for (const domain of plan(scene).domains) {
          const simulated = simulate(domain.nodes, model);
          for (const moment of simulated.moments) expectSafeToStart(moment.model, moment.step?.id ?? "before");
          if (simulated.ok) model = simulated.end;
        }
        for (const name of model.ghost.wasUp) expect(model.host.domains[name]?.running?.paused).toBe(false);
      }),
      RUNS,
    );
  });

  test("touches no volume and no image that is not converge's or the playbook's", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        let model = startModel(scene.state);
        for (const domain of plan(scene).domains) {
          const simulated = simulate(domain.nodes, model);
          if (simulated.ok) model = simulated.end;
        }
        for (const [name, volume] of Object.entries(scene.state.volumes)) expect(model.host.volumes[name]).toEqual(volume);
        for (const path of Object.keys(scene.state.images)) {
          const wish = scene.wishes.find((w) => path.startsWith(`/srv/xen/${w.name}/`));
          const disk = wish?.disks.find((d) => path.endsWith(`/${d.vdev}.img`));
          const goes = disk !== undefined && (disk.move.source ?? "keep") !== "keep";
          expect(model.host.images[path] === undefined).toBe(goes);
        }
      }),
      RUNS,
    );
  });
});

describe("a run that is cut short", () => {
  /** Runs until a step, then a failure, a kill or a reboot; gives the model after the host has looked after itself. */
  function cut(steps: readonly Step[], at: number, half: "before" | "after", reboot: boolean, domain: string, start: Model): Model {
    let model = start;
    steps.slice(0, at).forEach((step) => {
      model = simulateStep(step, model).model;
    });
    const started = steps.slice(0, at + 1);
    const current = steps[at];
    if (half === "after" && current !== undefined) model = simulateStep(current, model).model;
    if (reboot) model = rebootDom0(model, "boot-2");
    const recovered = recover(started, domain, model);
    return reboot ? startAutostarted(recovered) : recovered;
  }

  test.each([
    { half: "before", reboot: false }, { half: "after", reboot: false },
    { half: "before", reboot: true }, { half: "after", reboot: true },
  ] as const)("at any step ($half it acts, reboot: $reboot) loses nothing, leaves nothing, and can be run again", ({ half, reboot }) => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const first = plan(scene).domains[0];
        if (first === undefined) return;
        const start = startModel(scene.state);
        const steps = unroll(first.nodes);
        const takenDown = steps.findIndex((step) => step.kind === "shut-down");
        steps.forEach((step, at) => {
          const when = `${half} ${step.id}${reboot ? ", reboot" : ""}`;
          const model = cut(steps, at, half, reboot, first.domain, start);
          expectSafeToStart(model, when);
          expectNothingLeft(model, when);
          const ours = takenDown !== -1 && at >= takenDown;
          for (const name of start.ghost.wasUp) {
            // a reboot takes guests down by itself; the run answers for the one that it took down
            const expected = !reboot || (name === first.domain && ours) || scene.state.domains[name]?.autostart === true;
            if (expected) expect(model.host.domains[name]?.running?.paused, `${when}: ${name}`).toBe(false);
          }
          const again = planHost(model.host, scene.wishes, sha256);
          expect(again.diagnostics.filter((d) => d.severity === "error"), when).toEqual([]);
          let resumed = model;
          for (const domain of again.domains) {
            const simulated = simulate(domain.nodes, resumed);
            if (!simulated.ok) throw new Error(`${when}: ${simulated.why}`);
            for (const moment of simulated.moments) expectSafeToStart(moment.model, `${when}, resumed at ${moment.step?.id ?? "-"}`);
            resumed = simulated.end;
          }
          expect(planHost(resumed.host, scene.wishes, sha256).domains, when).toEqual([]);
        });
      }),
      { numRuns: 12 },
    );
  });
});

describe("a step kind", () => {
  test("has an undo that takes back just what its effect did", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        for (const domain of plan(scene).domains) {
          let model = startModel(scene.state);
          for (const step of unroll(domain.nodes)) {
            const kind = kindOf(step);
            const undo = kind.undo?.(step.args);
            const next = simulateStep(step, model);
            if (undo !== undefined && next.verdict === "ran" && step.kind !== "shut-down") {
              const after = kind.effect(step.args, model);
              expect(undo.when.length === 0 || verdictOf(undo.when, after) === "done", step.id).toBe(true);
              const back = undo.effect(after);
              expect(back.host.volumes, step.id).toEqual(model.host.volumes);
              expect(back.host.mounts, step.id).toEqual(model.host.mounts);
              expect(back.host.loops, step.id).toEqual(model.host.loops);
              expect(back.host.volumeGroups, step.id).toEqual(model.host.volumeGroups);
              expect(back.host.domains, step.id).toEqual(model.host.domains);
            }
            model = next.model;
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
