import fc from "fast-check";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { faultsPromised } from "../support/faults.js";
import { guestWrites, rebootedItself } from "../../src/core/model/guest.js";
import { isOwnPath } from "../../src/core/model/mapping.js";
import type { Model } from "../../src/core/model/model.js";
import { runs, share, TIMES } from "./times.js";
import { counted, walkCuts, walkThrough } from "./walk.js";
import { mixedScenes, scenesOf, WAYS } from "./ways.js";
import { livingGuests, seeded } from "./world.js";

/**
 * Laws over every plan that generated hosts and wishes lead to. A share of them runs here; `npm run laws` looks at as
 * many as it is told to, and at every number of rounds of each repeat.
 */
/** Hosts by way: on so many a plan goes through, and on so many it is cut short. */
const THROUGH = 10;
const CUT = 3;

/** Other files may have counted before this one. */
const before = { ...counted };

afterAll(() => {
  const since = (one: keyof typeof counted): number => counted[one] - before[one];
  const [looked, cuts] = [since("scenes"), since("cuts")];
  // a single law that is asked for by name looks at less
  if (asked.size === 3 * WAYS.length) {
    expect(cuts).toBeGreaterThanOrEqual(faultsPromised("cuts"));
    expect(looked).toBeGreaterThanOrEqual(WAYS.length * (THROUGH + 2 * CUT) * TIMES);
  }
  process.stderr.write(`laws: ${looked} hosts, ${since("runs")} runs, cut short in ${cuts} ways, resumed ${since("resumed")} times\n`);
});

const asked = new Set<string>();
afterEach(({ task }) => {
  if (task.suite?.name.startsWith("moved in") === true) asked.add(task.id);
});

describe.each(WAYS.map((way, turn) => ({ name: way.name, way, turn })))("moved in the way of $name, a guest", ({ way, turn }) => {
  const here = scenesOf([way]);
  /** `npm test` has one of a way's laws, by turns. */
  const inTurn = (one: number): { readonly tags: string[] } => ({ tags: turn % 3 === one ? [] : ["long"] });

  test("ends in the desired state, every instant safe to start from, nothing left and nothing taken", inTurn(1), () => {
    fc.assert(fc.property(here, (scene) => void walkThrough(scene)), runs(THROUGH));
  });

  test("loses nothing, whichever step a run is cut short in and however the host goes on", inTurn(0), () => {
    fc.assert(fc.property(here, fc.nat(), (scene, seed) => { walkCuts(scene, share(seed)); }), runs(CUT));
  });

  test("loses nothing while it writes, holds back, flushes and reboots as it likes", inTurn(2), () => {
    fc.assert(
      fc.property(here, fc.nat(), (scene, seed) => {
        walkCuts(scene, { ...share(seed), guests: livingGuests(seeded(seed), 0.05), mayRefuse: true });
      }),
      runs(CUT),
    );
  });
});

test("a guest that is used by somebody between its run's death and the recovery keeps what it wrote", () => {
  const shutDown = scenesOf(WAYS.filter(({ name }) => ["rsync", "rsync, compared in full"].includes(name)));
  const down = (model: Model): boolean => Object.values(model.host.domains).some(({ running }) => running === undefined);
  fc.assert(fc.property(shutDown, (scene) => {
    walkCuts(scene, { endings: ["killed, and used by somebody before its recovery"], only: down, rounds: (min) => [min] });
  }), runs(5));
});

test("a guest that reboots by itself onto its volume before the mirror is cut has nothing stored that goes with the mirror", () => {
  const mirrored = scenesOf(WAYS.filter(({ name }) => ["dm, suspend", "md, suspend", "md-preseed, suspend", "drbd, suspend"].includes(name)));
  /** It reboots as soon as xl has its new config stored. */
  const reboots = (model: Model): Model => Object.values(model.host.domains).reduce((at, { name, running }) => {
    const leaves = running?.attached.some(({ vdev, params }) => isOwnPath(params) && running.stored.some((disk) => disk.vdev === vdev && !isOwnPath(disk.target)));
    return leaves === true ? rebootedItself(at, name) : at;
  }, guestWrites(model));
  fc.assert(fc.property(mirrored, (scene) => {
    walkCuts(scene, { guests: reboots, endings: ["killed", "orderly reboot", "killed, and its recovery cut off"], rounds: (min) => [min], mayRefuse: true });
  }), runs(5));
});

test("guests moved in different ways on one host do not get in each other's way", () => {
  fc.assert(fc.property(mixedScenes, (scene) => void walkThrough(scene)), runs(20));
});
