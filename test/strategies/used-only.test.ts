import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, MIB, sha256, swap } from "../support/a-host.js";
import type { AGuest } from "../support/a-host.js";

/** What a mirror by dm copies: what is in use where that is known, all of it elsewhere, and it says which and why. */

const WEB: AGuest = {
  name: "web1",
  disks: { xvda1: { bytes: 512 * MIB }, xvda2: { bytes: 64 * MIB, content: swap("s", 64 * MIB) }, xvdb: { bytes: 32 * MIB, content: { type: "unknown" } } },
};

function planned(move: MoveOptions, guest: AGuest = WEB, host = aHost([guest])) {
  const { domains: [plan] } = planHost(host, [aWish(guest.name, Object.keys(guest.disks), { strategy: "dm", ...move })], sha256);
  if (plan === undefined) throw new Error("nothing is planned");
  return { plan, ids: stepsOf(plan.nodes).map(({ id }) => id), because: Object.fromEntries(plan.choices.map(({ vdev, because }) => [vdev, because.join()])) };
}

describe("where the guest is restarted", () => {
  const { plan, ids, because } = planned({ switch: "restart" });

  test("what is free is looked up and the mirror made while it is down, disk by disk", () => {
    const from = ids.indexOf("shut-down");
    expect(ids.slice(from, from + 6)).toEqual(["shut-down", "xvda1.mark-used", "xvda1.start-mirror", "xvda2.mark-used", "xvda2.start-mirror", "create-paused"]);
    expect(ids.indexOf("xvdb.start-mirror"), "all of it has time").toBeGreaterThan(ids.indexOf("wait-ready"));
    expect(ids.filter((id) => id.endsWith(".drop-marks"))).toEqual(["xvda1.drop-marks", "xvda2.drop-marks"]);
  });

  test("no more than that is reckoned with, and the preview says so", () => {
    expect(because["xvda1"]).toMatch(/the about 128 MiB that its ext4 uses/);
    expect(because["xvda2"]).toMatch(/no more than its head/);
    expect(because["xvdb"]).toMatch(/all 32 MiB, since what is free is known of/);
    expect(plan.estimate.copyBytes).toBe(128 * MIB + 65_536 + 32 * MIB);
    expect(plan.estimate.parts.map(({ what }) => what)).toContain("looking up what is free of xvda1");
  });

  test("of holes in the image the map knows nothing: what it calls used is copied, allocated or not", () => {
    const host = aHost([WEB]);
    const images = Object.fromEntries(Object.entries(host.images).map(([path, image]) => [path, { ...image, allocatedBytes: MIB }]));
    const sparse = planned({ switch: "restart" }, WEB, { ...host, images });
    expect(sparse.because["xvda1"]).toMatch(/the about 128 MiB that its ext4 uses/);
    expect(sparse.plan.estimate.copyBytes).toBe(plan.estimate.copyBytes);
  });

  test("all of a disk whose end says that it is a part of the guest's own array: of swap that is behind what is copied else", () => {
    const host = aHost([WEB]);
    const images = Object.fromEntries(Object.entries(host.images).map(([path, image]) => [path, { ...image, ends: [{ kind: "md" as const, at: image.bytes - 65_536 }] }]));
    const mirrored = planned({ switch: "restart" }, WEB, { ...host, images });
    expect(mirrored.because["xvda2"]).toMatch(/all 64 MiB, since by its end it is a part of an array \(md\) of the guest's own/);
    expect(mirrored.ids.filter((id) => id.endsWith(".mark-used"))).toEqual([]);
  });

  test("a copy is not said to be of all where it is not", () => {
    const marked = (id: string): unknown => stepsOf(plan.nodes).find((step) => step.id === id)?.args;
    expect(marked("xvda1.sync")).toMatchObject({ marked: true });
    expect(marked("xvdb.sync")).not.toHaveProperty("marked");
  });
});

interface Whole {
  readonly why: RegExp;
  readonly move: MoveOptions;
  readonly guest?: AGuest;
  readonly tools?: HostState["tools"];
}

const WHOLE: readonly Whole[] = [
  { why: /the guest is not shut down/, move: { switch: "suspend" } },
  { why: /anybody may start a guest that is down/, move: {}, guest: { ...WEB, running: false } },
  { why: /all of it is to be compared/, move: { switch: "restart", verify: "full" } },
  { why: /dumpe2fs is not installed/, move: { switch: "restart" }, tools: { dumpe2fs: { present: false } } },
];

test.each(WHOLE)("all of an ext4 is copied: $why", ({ why, move, guest = WEB, tools }) => {
  const host = aHost([guest]);
  const { ids, because } = planned(move, guest, { ...host, tools: { ...host.tools, ...tools } });
  expect(because["xvda1"]).toMatch(why);
  expect(ids).not.toContain("xvda1.mark-used");
});
