import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Model } from "../../src/core/model/model.js";
import { clonesApart } from "./laws.js";
import { runs } from "./times.js";
import { counted, plansOf, walkCuts, walkThrough } from "./walk.js";
import { scenesOf, WAYS } from "./ways.js";

/** What a rehearsal adds to the laws: a second guest is there for a while, which must never stay, come again or be taken for one. */

const rehearsed = scenesOf(WAYS.filter(({ name }) => name === "rsync, rehearsed"), 1);
const rounds = (min: number): readonly number[] => [min];

describe("a rehearsal", () => {
  test("is in the plan between the check of the copy and the switch, and the passes go on after it", () => {
    fc.assert(fc.property(rehearsed, (scene) => {
      const [plan] = plansOf(scene);
      const kinds = stepsOf(plan?.nodes ?? []).map(({ kind }) => kind);
      const running = kinds.includes("shut-down");
      const order = ["create-clone", "await-clone", "destroy-clone", ...(running ? ["shut-down"] : []), "edit-config"].map((kind) => kinds.indexOf(kind));
      expect(order).toEqual([...order].sort((a, b) => a - b));
      expect(order[0]).toBeGreaterThan(0);
      const passes = stepsOf(plan?.nodes ?? []).some(({ id }) => id.includes(".rehearsed.copy"));
      expect(passes).toBe(running && kinds.includes("copy-files"));
    }), runs(30));
  });

  test("leaves no clone where its run is killed, nobody looks after it, and Dom0 is rebooted in order", () => {
    fc.assert(fc.property(rehearsed, (scene) => {
      const cuts = counted.cuts;
      walkCuts(scene, { rounds, endings: ["killed, then an orderly reboot"], only: ({ ghost }) => (ghost.clones ?? []).length > 0 });
      expect(counted.cuts - cuts).toBeGreaterThan(4);
    }), runs(10));
  });

  test("does not count where the clone's disks are somebody else's", () => {
    const [scene] = fc.sample(rehearsed, { numRuns: 1, seed: 5 });
    if (scene === undefined) throw new Error("no scene");
    const end = walkThrough(scene);
    const cloneOn = (disk: string): Model => {
      return { ...end, ghost: { ...end.ghost, clones: [{ name: "converge-rehearsal-x", disks: [disk], state: "runs" }] } };
    };
    expect(() => { clonesApart(cloneOn(`vg0/${scene.wishes[0]?.name ?? ""}-xvda1`), "here"); }).toThrow(/writes to/);
    expect(() => { clonesApart(cloneOn("vg0/nothing"), "here"); }).toThrow(/taken away/);
  });
});
