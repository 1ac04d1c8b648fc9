import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { verdictOf } from "../../src/core/goals/verdict.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { Model } from "../../src/core/model/model.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import type { Guard } from "../../src/core/steps/guard.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { rebootDom0, recover, startAutostarted } from "../../src/core/plan/recover.js";
import { simulate, simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { kindOf } from "../../src/core/steps/kind-of.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { withVolume } from "../../src/core/model/transform.js";
import { builtWith, startedFromConfig } from "../../src/core/model/guest.js";
import { aHost, aWish, MIB, sha256, swap, withFullImages } from "../support/a-host.js";
import { possible, scenes } from "./generated.js";
import type { Scene } from "./generated.js";
import { expectNothingLeft, expectSafeToStart } from "./holds.js";
import { planned } from "./planned.js";
import { runs } from "./times.js";

/** Laws over every plan that generated hosts and wishes lead to. */

const RUNS = runs(150);

function plan(scene: Scene) {
  const planned = planHost(scene.state, scene.wishes, sha256);
  expect(planned.diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  return planned;
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

  test("takes no guest's memory to Dom0's before it is this run's turn", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        for (const { nodes } of plan(scene).domains) {
          let turn = false;
          for (const step of stepsOf(nodes)) {
            if (step.kind === "guard" && (step as Step<"guard", Guard>).args.memory !== undefined) turn = true;
            if (step.kind === "save-guest") expect(turn, step.id).toBe(true);
            // given back
            if (step.kind === "wait-ready") turn = false;
          }
          expect(turn).toBe(false);
        }
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
  function cut(started: readonly Step[], before: Model, half: "before" | "after", reboot: boolean, domain: string): Model {
    const current = started.at(-1);
    let model = half === "after" && current !== undefined ? simulateStep(current, before).model : before;
    if (reboot) model = rebootDom0(model, "boot-2");
    const recovered = recover(started, domain, model);
    return reboot ? startAutostarted(recovered) : recovered;
  }

  for (const [half, reboot] of [["before", false], ["after", false], ["before", true], ["after", true]] as const) test(`at any step (${half} it acts, reboot: ${String(reboot)}) loses nothing, leaves nothing, and can be run again`, { tags: half === "after" && reboot ? [] : ["long"] }, () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const first = plan(scene).domains[0];
        if (first === undefined) return;
        const start = startModel(scene.state);
        const steps = unroll(first.nodes);
        const takenDown = steps.findIndex((step) => ["shut-down", "save-guest", "migrate-guest"].includes(step.kind));
        let before = start;
        steps.forEach((step, at) => {
          const when = `${half} ${step.id}${reboot ? ", reboot" : ""}`;
          let model = cut(steps.slice(0, at + 1), before, half, reboot, first.domain);
          before = simulateStep(step, before).model;
          expectSafeToStart(model, when);
          expectNothingLeft(model, when);
          const ours = takenDown !== -1 && at >= takenDown;
          for (const name of start.ghost.wasUp) {
            // a reboot takes guests down by itself; the run answers for the one that it took down
            const expected = !reboot || (name === first.domain && ours) || scene.state.domains[name]?.autostart === true;
            if (expected && model.host.domains[name]?.running?.paused !== false) throw new Error(`${when}: ${name} is down`);
          }
          // a mirror by QEMU needs its guest up, as its plan says
          for (const { name, move } of scene.wishes) if (move.strategy === "qemu") model = startedFromConfig(model, name);
          const again = planned(model.host, scene.wishes);
          const refused = again.diagnostics.find((d) => d.severity === "error");
          if (refused !== undefined) throw new Error(`${when}: ${refused.code}: ${refused.summary} ${refused.detail ?? ""}`);
          let resumed = model;
          for (const domain of again.domains) {
            const simulated = simulate(domain.nodes, resumed);
            if (!simulated.ok) throw new Error(`${when}: ${simulated.why}`);
            for (const moment of simulated.moments) expectSafeToStart(moment.model, `${when}, resumed at ${moment.step?.id ?? "-"}`);
            resumed = simulated.end;
          }
          if (planned(resumed.host, scene.wishes).domains.length > 0) throw new Error(`${when}: not done after it was resumed`);
          for (const disk of scene.wishes.find((w) => w.name === first.domain)?.disks ?? []) {
            const image = `/srv/xen/${first.domain}/${disk.vdev}.img`;
            const gone = resumed.host.images[image] === undefined;
            if (gone !== ((disk.move.source ?? "keep") !== "keep")) throw new Error(`${when}: what became of ${image}?`);
          }
        });
      }),
      runs(40),
    );
  });

  const WAYS = [
    { strategy: "rsync" }, { strategy: "rsync", offline: true }, { strategy: "dm", switch: "restart" }, { strategy: "dm", switch: "suspend" },
    { strategy: "md", switch: "suspend" }, { strategy: "md-preseed", switch: "restart" }, { strategy: "drbd", switch: "suspend" },
  ] as const;

  test.each(WAYS)("$strategy, $switch: and another way is asked for after a power cut, loses nothing", (way) => {
    const ordinary = withFullImages(aHost([{ name: "web1", disks: { xvda1: {} }, autostart: true }]));
    // where no snapshot can be taken, the copy is made at rest
    const state: HostState = "offline" in way ? { ...ordinary, modules: { ...ordinary.modules, dm_snapshot: "missing" } } : ordinary;
    const asked = (move: MoveOptions) => [aWish("web1", ["xvda1"], move)];
    const first = planHost(state, asked(way), sha256).domains[0];
    if (first === undefined) throw new Error("nothing to do");
    const image = state.images["/srv/xen/web1/xvda1.img"];
    let before = startModel(state);
    let begunAnew = 0;
    const steps = unroll(first.nodes);
    for (const [at, step] of steps.entries()) {
      const cutShort = cut(steps.slice(0, at + 1), before, "after", true, "web1");
      before = simulateStep(step, before).model;
      const half = cutShort.host.volumes["vg0/web1-xvda1"];
      // the first blocks of an image are its superblock: so blkid sees half of them
      const model = half === undefined || image === undefined || !half.tags.some((tag) => /^converge\.(filled=blocks|unzeroed=)/.test(tag))
        ? cutShort : withVolume(cutShort, { ...half, content: image.content });
      for (const other of WAYS.filter(({ strategy }) => strategy !== way.strategy)) {
        const when = `${step.id}, then ${other.strategy}`;
        const again = planHost(model.host, asked(other), sha256);
        const refused = again.diagnostics.find((d) => d.severity === "error");
        if (refused !== undefined) throw new Error(`${when}: ${refused.code}: ${refused.summary}`);
        for (const domain of again.domains) {
          const simulated = simulate(domain.nodes, model);
          if (!simulated.ok) throw new Error(`${when}: ${simulated.why}`);
          for (const moment of simulated.moments) expectSafeToStart(moment.model, `${when}: ${moment.step?.id ?? "-"}`);
          if (half !== undefined && unroll(domain.nodes).some(({ kind }) => kind === "zero-volume")) begunAnew += 1;
        }
      }
    }
    expect(begunAnew, "a copy of the other kind was in the way").toBeGreaterThan(0);
  });
});

test("a disk that an earlier run moved and did not settle is settled beside the move of another", () => {
  const guest = { name: "web1", disks: { xvda1: {}, xvda2: {} } };
  const first = planHost(aHost([guest]), [aWish("web1", ["xvda1"], { strategy: "rsync", source: "retire" })], sha256).domains[0];
  if (first === undefined) throw new Error("nothing to do");
  const start = startModel(aHost([guest]));
  const cut = simulate(first.nodes, start).moments.find((moment) => moment.step?.kind === "unpause");
  if (cut === undefined) throw new Error("no commit");
  const both = aWish("web1", ["xvda1", "xvda2"], { strategy: "rsync", source: "retire" });
  const model = recover(unroll(first.nodes).slice(0, unroll(first.nodes).findIndex((s) => s.kind === "wait-ready")), "web1", cut.model);
  const planned = planHost(model.host, [both], sha256);
  expect(planned.diagnostics).toEqual([]);
  expect(planned.domains[0]?.changes.map((c) => c.change)).toEqual(["finish-move", "move-disk"]);
  const end = simulate(planned.domains[0]?.nodes ?? [], model);
  if (!end.ok) throw new Error(end.why);
  expect(Object.keys(end.end.host.images).sort()).toEqual(["/srv/xen/web1/xvda1.img.retired", "/srv/xen/web1/xvda2.img.retired"]);
  expect(planHost(end.end.host, [both], sha256).domains).toEqual([]);
});

test.each(["delete", "retire"] as const)("an image that QEMU went away from, and has open still, is closed first, also where another disk is moved by QEMU: %s", (source) => {
  const host = aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} }, qdisk: true }]);
  const move = { strategy: "qemu", source } as const;
  const first = planHost(host, [aWish("web1", ["xvda1"], move)], sha256).domains[0];
  // of two disks one went over, and the run ended with that
  const cut = simulate(first?.nodes ?? [], startModel(host)).moments.find(({ step }) => step?.kind === "pivot-disks");
  if (cut === undefined) throw new Error("no commit");
  const both = aWish("web1", ["xvda1", "xvda2"], move);
  const planned = planHost(cut.model.host, [both], sha256);
  expect(planned.diagnostics).toEqual([]);
  const nodes = planned.domains[0]?.nodes ?? [];
  const of = (image: string) => unroll(nodes).flatMap(({ kind, args }) => ((args as { readonly path?: string }).path === image ? [kind] : []));
  for (const image of ["/srv/xen/web1/xvda1.img", "/srv/xen/web1/xvda2.img"]) expect(of(image)).toEqual(["close-node", `${source}-image`]);
  const end = simulate(nodes, cut.model);
  if (!end.ok) throw new Error(end.why);
  expect(planHost(end.end.host, [both], sha256).domains).toEqual([]);
});

describe("a guest that is left to reboot by itself", () => {
  const wishes = [aWish("web1", ["xvda1", "xvda2"], { strategy: "dm", switch: "next-reboot" })];
  const planned = (model: Model) => planHost(model.host, wishes, sha256);

  function run(model: Model): Model {
    const [domain] = planned(model).domains;
    if (domain === undefined) throw new Error("nothing to do");
    const simulated = simulate(domain.nodes, model);
    if (!simulated.ok) throw new Error(simulated.why);
    for (const moment of simulated.moments) expectSafeToStart(moment.model, moment.step?.id ?? "before");
    return simulated.end;
  }

  /** As xl does it: from what it has stored. */
  function rebootsItself(model: Model): Model {
    const stored = model.host.domains["web1"]?.running?.stored ?? [];
    return simulateStep(
      { node: "step", id: "x", kind: "resume-guest", phase: "switch", why: "", args: { domain: "web1" } },
      builtWith(model, "web1", stored),
    ).model;
  }

  test("is not touched, then waited for, and mirrored when it has done so", () => {
    const start = startModel(aHost([{ name: "web1", disks: { xvda1: {}, xvda2: { content: swap("s", 64 * MIB) } } }]));
    const before = start.host.domains["web1"]?.running;
    const ready = run(start);
    expect(ready.host.domains["web1"]?.running).toMatchObject({ domid: before?.domid, attached: before?.attached });
    expect(planned(ready)).toMatchObject({ domains: [], diagnostics: [{ code: "awaits-reboot", severity: "note" }] });

    const end = run(rebootsItself(ready));
    expect(planned(end)).toMatchObject({ domains: [], diagnostics: [] });
    expectNothingLeft(end, "at the end");
    expectSafeToStart(rebootsItself(end), "rebooted once more");
    expect(rebootsItself(end).host.domains["web1"]?.running?.attached.map((disk) => disk.params)).toEqual(["/dev/vg0/web1-xvda1", "/dev/vg0/web1-xvda2"]);
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
            if (undo !== undefined && next.verdict === "ran" && !["shut-down", "save-guest", "migrate-guest", "pivot-disks"].includes(step.kind)) {
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
      runs(60),
    );
  });
});

test("a guest that was left on its mirror's device leaves it when a later playbook says so", () => {
  fc.assert(
    // other formats than raw are QEMU's alone
    fc.property(scenes.filter(({ wishes }) => wishes.every(({ move }) => move.strategy !== "qemu")), fc.constantFrom("dm", "md", "md-preseed", "drbd"), fc.constantFrom("suspend", "restart", "migrate", "auto"), fc.constantFrom("now", "window"), (scene, strategy, how, later) => {
      const as = (finish: "now" | "window" | "deferred") => scene.wishes.map((wish) => {
        const move = possible({ ...wish.move, strategy, switch: how, finish });
        return { ...wish, move, disks: wish.disks.map((disk) => ({ ...disk, move: possible({ ...disk.move, strategy }) })) };
      });
      let model = startModel(scene.state);
      for (const finish of ["deferred", later] as const) {
        const planned = planHost(model.host, as(finish), sha256);
        expect(planned.diagnostics.filter((d) => d.severity === "error")).toEqual([]);
        for (const domain of planned.domains) {
          const simulated = simulate(domain.nodes, model);
          if (!simulated.ok) throw new Error(simulated.why);
          for (const moment of simulated.moments) expectSafeToStart(moment.model, `${finish}: ${moment.step?.id ?? "before"}`);
          model = simulated.end;
        }
      }
      expect(model.host.mappings ?? []).toEqual([]);
      for (const name of model.ghost.wasUp) expect(model.host.domains[name]?.running?.paused).toBe(false);
      expect(planHost(model.host, as(later), sha256).domains).toEqual([]);
    }),
    runs(30),
  );
});
