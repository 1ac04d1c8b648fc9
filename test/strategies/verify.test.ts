import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { copyFiles } from "../../src/core/steps/copy-files.js";
import type { CopyFiles } from "../../src/core/steps/copy-files.js";
import type { PivotDisks } from "../../src/core/steps/pivot-disks.js";
import { aHost, aWish, GIB, MIB, sha256, withFullImages } from "../support/a-host.js";
import type { AGuest } from "../support/a-host.js";

/** `move.verify: full`: files are compared in the last pass, both legs of a mirror at rest, or it is refused. */

const WEB: AGuest = { name: "web1", disks: { xvda1: {}, xvdb: { bytes: 128 * MIB } } };

function planned(move: MoveOptions, guest: AGuest = WEB, host = aHost([guest])) {
  const { domains, diagnostics } = planHost(host, [aWish("web1", ["xvda1", "xvdb"], move)], sha256);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return { plan: domains[0], errors, steps: stepsOf(domains[0]?.nodes ?? []) };
}

describe("a copy of files", () => {
  const passes = (move: MoveOptions, guest: AGuest = WEB, host = aHost([guest])) =>
    (planned({ strategy: "rsync", ...move }, guest, host).plan?.nodes ?? []).flatMap((node) => (node.node === "repeat"
      ? [[node.id, ...node.body.flatMap(({ kind, args }) => (kind === "copy-files" ? [(args as CopyFiles).compare] : []))]]
      : []));

  test("is compared while the guest runs too, last of all passes: what that takes is what the last one will take", () => {
    expect(passes({ verify: "full" })).toEqual([["passes", "times", "times"], ["passes-compared", "checksum", "checksum"]]);
    expect(passes({ verify: "fresh" })).toEqual([["passes", "times", "times"]]);
  });

  test("that is rehearsed is compared once, after the clone, whatever was measured before it", () => {
    expect(passes({ verify: "full", rehearse: true })).toEqual([["passes", "times", "times"], ["passes-rehearsed", "checksum", "checksum"]]);
    expect(passes({ rehearse: true })).toEqual([["passes", "times", "times"], ["passes-rehearsed", "times", "times"]]);
  });

  test("at rest has one pass, and nothing before it", () => {
    expect(passes({ verify: "full" }, { ...WEB, running: false })).toEqual([]);
  });

  test("says of a guest that runs that the last pass compares where it did not shut down, and of another one nothing", () => {
    const said = (move: MoveOptions, guest: AGuest = WEB) => planned({ strategy: "rsync", ...move }, guest).steps.filter(({ id }) => id.endsWith("copy-last"))
      .map(({ args }) => copyFiles.actions(args as CopyFiles).some((one) => "shown" in one && one.shown.startsWith("where web1 was not seen to shut down (it crashed, say): with --checksum")));
    expect(said({})).toEqual([true, true]);
    expect(said({ verify: "full" }), "it does anyway").toEqual([false, false]);
    expect(said({}, { ...WEB, running: false }), "all of it is copied at rest").toEqual([false, false]);
  });

  test("is compared for the disks that it is wanted for, and all of them have their part in the forecast", () => {
    const wish = aWish("web1", ["xvda1", "xvdb"], { strategy: "rsync" });
    const some = { ...wish, disks: wish.disks.map((disk) => (disk.vdev === "xvdb" ? { ...disk, move: { ...disk.move, verify: "full" as const } } : disk)) };
    const { domains } = planHost(aHost([WEB]), [some], sha256);
    const compared = domains[0]?.nodes.find(({ id }) => id === "passes-compared");
    if (compared?.node !== "repeat") throw new Error("no such pass");
    const copies = compared.body.filter(({ kind }) => kind === "copy-files");
    expect(copies.map(({ id, args }) => [id, (args as CopyFiles).compare])).toEqual([["xvda1.compared.copy", "times"], ["xvdb.compared.copy", "checksum"]]);
    expect(compared).toMatchObject({ min: 1, max: 1, rule: { downtimeSeconds: -1, overheadSeconds: 25 } });
  });

  test("takes longer by that pass, and by the same in the downtime", () => {
    const of = (verify: "fresh" | "full") => planned({ strategy: "rsync", verify }).plan?.estimate;
    // twice the 16 and 32 MiB in use at 50 MiB/s, and for the pass two seconds a disk to look through them
    const [fresh, full] = [of("fresh"), of("full")];
    expect((full?.downtimeSeconds ?? 0) - (fresh?.downtimeSeconds ?? 0)).toBeCloseTo(1.9, 0);
    expect((full?.seconds ?? 0) - (fresh?.seconds ?? 0)).toBeCloseTo(2 * 1.9 + 4, 0);
  });
});

describe("a mirror by dm", () => {
  test("comes to rest once for all of its disks, between two looks at who has it, and before anything is committed", () => {
    const { steps } = planned({ strategy: "dm", switch: "suspend", verify: "full" });
    const from = steps.findIndex(({ id }) => id === "guard-mirror");
    expect(steps.slice(from, from + 7).map(({ id }) => id)).toEqual([
      "guard-mirror", "hold", "xvda1.compare", "xvdb.compare", "release", "guard-compared", "edit-config",
    ]);
  });

  test.each([{}, { verify: "fresh" }] as const)("is only asked how it is where nobody wants more: %o", (options) => {
    const { plan, steps } = planned({ strategy: "dm", switch: "suspend", ...options });
    expect(steps.some(({ kind }) => kind === "hold-disks" || kind === "compare-legs")).toBe(false);
    expect(plan?.estimate.parts.map(({ what }) => what)).toEqual(["freeze", "thaw until ready"]);
  });

  test("counts the comparison as downtime, by the rate at which the host copies", () => {
    const history = [{ domain: "web1", strategy: "dm", switch: "suspend", shutdownSeconds: 1, startSeconds: 1, downtimeSeconds: 2, bytesPerSecond: 32 * MIB }];
    const { plan } = planned({ strategy: "dm", switch: "suspend", verify: "full" }, WEB, { ...aHost([WEB]), history });
    expect(plan?.estimate.parts.map(({ what, seconds }) => [what, seconds])).toEqual([
      ["freeze", 1], ["thaw until ready", 1], ["comparing image and volume of xvda1", 4], ["comparing image and volume of xvdb", 8],
    ]);
    expect(plan?.estimate.downtimeSeconds).toBe(14);
    expect(plan?.estimate.parts[3]?.how).toBe("twice 128 MiB at 32 MiB/s, as this host has copied: move.verify is full");
  });

  test("is refused where the comparison breaks the budget", () => {
    const big: AGuest = { name: "web1", disks: { xvda1: {}, xvdb: { bytes: 4 * GIB } } };
    const { errors } = planned({ strategy: "dm", switch: "suspend", verify: "full", downtimeSeconds: 60 }, big, aHost([big]));
    expect(errors.map(({ code }) => code)).toEqual(["over-budget"]);
    expect(planned({ strategy: "dm", switch: "suspend", downtimeSeconds: 60 }, big, aHost([big])).errors).toEqual([]);
  });

  test("may take on the host three times what was forecast, and no longer than the budget", () => {
    const limit = (move: MoveOptions): unknown => planned({ strategy: "dm", switch: "suspend", verify: "full", ...move }).steps.find(({ id }) => id === "xvdb.compare")?.args;
    expect(limit({})).toMatchObject({ limitSeconds: 30 });
    expect(limit({ downtimeSeconds: 20 })).toMatchObject({ limitSeconds: 20 });
  });

  test("of a guest that is down keeps everybody from its disks, and pauses nobody", () => {
    const { steps, plan } = planned({ strategy: "dm", verify: "full" }, { ...WEB, running: false });
    expect(steps.find(({ id }) => id === "hold")?.args).toEqual({ mappings: ["converge-web1-xvda1", "converge-web1-xvdb"] });
    expect(plan?.estimate.downtimeSeconds).toBe(0);
    expect(steps.findIndex(({ id }) => id === "release")).toBeLessThan(steps.findIndex(({ id }) => id === "commit"));
  });

  test("that waits for the guest's own reboot compares nothing yet", () => {
    const { plan, steps } = planned({ strategy: "dm", switch: "next-reboot", verify: "full" });
    expect(steps.some(({ kind }) => kind === "compare-legs")).toBe(false);
    expect(plan?.estimate.downtimeSeconds).toBe(0);
  });
});

test.each(["md", "drbd"] as const)("a mirror by %s is completed first, and then keeps writes back", (strategy) => {
  const { steps, plan } = planned({ strategy, switch: "suspend", verify: "full" }, WEB, withFullImages(aHost([WEB])));
  const from = steps.findIndex(({ id }) => id === "guard-mirror");
  expect(steps.slice(from, from + 9).map(({ id }) => id)).toEqual([
    "guard-mirror", "xvda1.complete", "xvdb.complete", "hold", "xvda1.compare", "xvdb.compare", "release", "guard-compared", "edit-config",
  ]);
  expect(steps.find(({ id }) => id === "hold")?.args).toEqual({ domain: "web1", mappings: [`${strategy}/converge-web1-xvda1`, `${strategy}/converge-web1-xvdb`] });
  expect(plan?.estimate.parts.map(({ what }) => what)).toContain("comparing image and volume of xvdb");
});

test.each(["md", "md-preseed", "drbd"] as const)("a mirror by %s whose comparison breaks the budget is refused, as nothing measures it before", (strategy) => {
  const big: AGuest = { name: "web1", disks: { xvda1: {}, xvdb: { bytes: 4 * GIB } } };
  const host = withFullImages(aHost([big]));
  const errors = (move: MoveOptions): readonly string[] => planned({ strategy, switch: "suspend", downtimeSeconds: 60, ...move }, big, host).errors.map(({ code }) => code);
  expect(errors({ verify: "full" })).toEqual(["over-budget"]);
  expect(errors({}), "all else is well").toEqual([]);
});

const QDISK: AGuest = { ...WEB, qdisk: true };

describe("a mirror by QEMU", () => {
  test("knows what of the config's edit is for which disk: one of them may stay on its image", () => {
    const { steps } = planned({ strategy: "qemu" }, QDISK);
    const pivot = steps.find((step): step is Step & { readonly args: PivotDisks } => step.kind === "pivot-disks");
    const { edits = [] } = pivot?.args.edit ?? {};
    expect(pivot?.args.disks.map((disk) => disk.edits.filter(({ text }) => text.startsWith("/")).map(({ text }) => text))).toEqual([
      ["/dev/vg0/web1-xvda1"], ["/dev/vg0/web1-xvdb"],
    ]);
    expect(pivot?.args.disks.flatMap((disk) => disk.edits).sort((a, b) => a.start - b.start)).toEqual(edits);
  });

  test("is compared while the guest is paused, which it stays until it is on its volumes", () => {
    const { steps, plan } = planned({ strategy: "qemu", verify: "full" }, QDISK);
    const from = steps.findIndex(({ id }) => id === "hold");
    expect(steps.slice(from - 1, from + 5).map(({ id }) => id)).toEqual(["guard", "hold", "xvda1.compare", "xvdb.compare", "pivot", "release"]);
    expect(steps[from]?.args).toEqual({ domain: "web1", mappings: [] });
    expect(plan?.estimate.parts.map(({ what }) => what)).toEqual([
      "waiting for its disks of xvda1", "waiting for its disks of xvdb", "comparing image and volume of xvda1", "comparing image and volume of xvdb",
    ]);
  });

  test("is not paused where nobody wants that, nor where nothing is compared", () => {
    for (const move of [{}, { verify: "fresh" as const }]) {
      expect(planned({ strategy: "qemu", ...move }, QDISK).steps.filter(({ kind }) => /^(hold|compare)-/.test(kind))).toEqual([]);
    }
  });

  test("waits for no reboot of the guest's own, and compares at once", () => {
    expect(planned({ strategy: "qemu", verify: "full", switch: "next-reboot" }, QDISK).steps.some(({ id }) => id === "hold")).toBe(true);
  });

  test("that takes longer than the guest may wait is refused", () => {
    const big: AGuest = { ...QDISK, disks: { xvda1: {}, xvdb: { bytes: 4 * GIB } } };
    expect(planned({ strategy: "qemu", downtimeSeconds: 20 }, big, aHost([big])).errors, "all else is well").toEqual([]);
    const { errors } = planned({ strategy: "qemu", verify: "full", downtimeSeconds: 20 }, big, aHost([big]));
    expect(errors.map(({ code }) => code)).toEqual(["over-budget"]);
  });
});

describe("it is refused", () => {
  const WITH_FORMS: AGuest = { ...QDISK, disks: { xvda1: { format: "qcow2", content: { type: "unknown" } }, xvdb: {} } };

  test("for an image of which QEMU alone knows what the guest sees, instead of being let be", () => {
    const { errors, plan } = planned({ strategy: "qemu", verify: "full" }, WITH_FORMS);
    expect(plan).toBeUndefined();
    expect(errors.map(({ code }) => code)).toEqual(["no-strategy-fits"]);
    expect(errors[0]?.detail).toMatch(/move.verify is full, and a qcow2 image is not compared/);
    expect(errors[0]?.fix).toMatch(/Leave `verify: full` out/);
    expect(planned({ strategy: "qemu" }, WITH_FORMS).errors, "without it all is well").toEqual([]);
  });
});
