import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { unzeroedOf, volumeTags } from "../../src/core/model/names.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import type { SettleVolume } from "../../src/core/steps/settle-volume.js";
import type { ZeroVolume } from "../../src/core/steps/zero-volume.js";
import { aHost, aVolume, aWish, MIB, sha256, withFullImages } from "../support/a-host.js";
import type { AGuest } from "../support/a-host.js";

/** What is zeroed of a volume before it is filled: what is not written over, and nothing twice. */

const WEB: AGuest = { name: "web1", disks: { xvda1: {} } };
const VOLUME = "vg0/web1-xvda1";
const SIZE = 64 * MIB;

function planned(move: MoveOptions, { guest = WEB, host = withFullImages(aHost([guest])), bytes }: { guest?: AGuest; host?: HostState; bytes?: number } = {}) {
  const { domains, diagnostics } = planHost(host, [aWish("web1", ["xvda1"], move, bytes === undefined ? {} : { bytes })], sha256);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const [plan] = domains;
  if (plan === undefined) throw new Error("nothing to do");
  const steps = stepsOf(plan.nodes);
  const zero = steps.find(({ kind }) => kind === "zero-volume")?.args as ZeroVolume | undefined;
  const settle = steps.find(({ kind }) => kind === "settle-volume")?.args as SettleVolume | undefined;
  return { plan, zero, settle };
}

/** A copy that an earlier run began on the volume. */
function begun(tag: string, bytes = SIZE): HostState {
  const host = withFullImages(aHost([WEB]));
  const volume = aVolume(VOLUME, bytes, { devno: "253:7", tags: [...volumeTags("web1", "xvda1", "copy"), "converge.from=/srv/xen/web1/xvda1.img", tag] });
  return { ...host, volumes: { ...host.volumes, [VOLUME]: volume } };
}

const ALL: readonly { readonly way: string; readonly move: MoveOptions; readonly guest: AGuest }[] = [
  { way: "dm, suspended", move: { strategy: "dm", switch: "suspend" }, guest: WEB },
  { way: "dm of a guest that is down", move: { strategy: "dm" }, guest: { ...WEB, running: false } },
  { way: "dm, restarted and compared", move: { strategy: "dm", switch: "restart", verify: "full" }, guest: WEB },
  { way: "md", move: { strategy: "md", switch: "suspend" }, guest: WEB },
  { way: "md-preseed", move: { strategy: "md-preseed", switch: "suspend" }, guest: WEB },
  { way: "drbd", move: { strategy: "drbd", switch: "suspend" }, guest: WEB },
  { way: "qemu", move: { strategy: "qemu" }, guest: { ...WEB, qdisk: true } },
];
const SOME: readonly (readonly [string, MoveOptions])[] = [["rsync", { strategy: "rsync" }], ["dm, by marks", { strategy: "dm", switch: "restart" }]];

describe.each(ALL)("$way, which copies all blocks,", ({ move, guest }) => {
  test("zeroes nothing that it copies over", () => {
    const { zero, settle } = planned(move, { guest });
    expect(zero).toMatchObject({ bytes: SIZE, copied: SIZE });
    expect(settle?.unzeroed).toBe(SIZE);
  });

  test("zeroes what lies behind the image", () => {
    const { zero } = planned(move, { guest, bytes: 200 * MIB });
    expect(zero).toMatchObject({ bytes: 200 * MIB, copied: SIZE });
  });

  test("is forecast without it", () => {
    const seconds = (bytes?: number): number => planned(move, { guest, ...(bytes === undefined ? {} : { bytes }) }).plan.estimate.seconds;
    // at 50 MiB a second
    expect(seconds(SIZE + 100 * MIB) - seconds()).toBeCloseTo(2, 1);
  });

  test("leaves no mark of it on the volume once it is the guest's disk", () => {
    const host = withFullImages(aHost([guest]));
    const { plan } = planned(move, { guest, host });
    const end = simulate(plan.nodes, startModel(host));
    if (!end.ok) throw new Error(end.why);
    expect(end.end.host.volumes[VOLUME]?.tags.filter((tag) => /^converge\.(zeroed|filled|unzeroed)/.test(tag))).toEqual([]);
    expect(end.end.ghost.recycled).toEqual({});
  });
});

describe.each(SOME)("%s, which does not copy all of it,", (_, move) => {
  test("zeroes all of the volume", () => {
    const { zero } = planned(move);
    expect(zero).toMatchObject({ bytes: SIZE });
    expect(zero?.copied).toBeUndefined();
  });

  test("zeroes one that a copy of all blocks was begun on, and takes the mark away", () => {
    const { zero, settle } = planned(move, { host: begun(`converge.unzeroed=${String(SIZE)}`) });
    expect(zero).toMatchObject({ bytes: SIZE, unzeroed: SIZE });
    expect(zero?.copied).toBeUndefined();
    expect(settle?.unzeroed).toBeUndefined();
  });
});

describe("a copy of all blocks", () => {
  const move: MoveOptions = { strategy: "dm", switch: "suspend" };

  test.each(["converge.filled=blocks", `converge.unzeroed=${String(SIZE)}`, `converge.unzeroed=${String(SIZE - 4096)}`])(
    "is gone on with, and nothing zeroed, where the volume has %s", (tag) => {
      const { zero, settle } = planned(move, { host: begun(tag) });
      expect(zero).toBeUndefined();
      expect(settle?.unzeroed, "whatever is there is taken away").toBe(unzeroedOf([tag]));
    },
  );

  test("zeroes what it does not cover any more, where the image has become smaller", () => {
    const { zero } = planned(move, { host: begun(`converge.unzeroed=${String(100 * MIB)}`, 200 * MIB), bytes: 200 * MIB });
    expect(zero).toMatchObject({ bytes: 200 * MIB, copied: SIZE, unzeroed: 100 * MIB });
  });

  test("zeroes what files were begun on behind the image", () => {
    const { zero } = planned(move, { host: begun("converge.zeroed", 200 * MIB), bytes: 200 * MIB });
    expect(zero).toMatchObject({ bytes: 200 * MIB, copied: SIZE });
  });

  test("begins anew where nobody knows what was zeroed", () => {
    expect(planned(move, { host: begun("converge.unzeroed=all") }).zero).toMatchObject({ copied: SIZE });
  });
});

test("what a copy stands back for the zeroes before it do too; a bandwidth is for the copy alone", () => {
  const throttle = { nice: 10, bandwidthBytesPerSecond: 4 * MIB };
  expect(planned({ strategy: "dm", switch: "restart", throttle }).zero?.priority).toEqual({ nice: 10 });
  // beside a guest that runs, files are carried with what is left over
  expect(planned({ strategy: "rsync", throttle }).zero?.priority).toEqual({ nice: 10, ionice: "idle" });
  const elsewhere: AGuest = { name: "web1", disks: { xvda1: { elsewhere: true } } };
  expect(planned({ strategy: "rsync", offline: true, throttle }, { guest: elsewhere }).zero?.priority).toEqual({ nice: 10 });
});
