import { describe, expect, test } from "vitest";
import type { Content } from "../../src/core/model/storage.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { waitOf } from "../../src/core/steps/await-window.js";
import { aHost, aWish, GIB, MIB, sha256, withFullImages } from "../support/a-host.js";
import type { ADisk } from "../support/a-host.js";
import type { MoveOptions } from "../../src/core/model/desired.js";

function planned(disk: ADisk, move: MoveOptions = {}, bytes?: number) {
  const state = withFullImages(aHost([{ name: "web1", running: true, disks: { xvda1: disk } }]));
  return planHost(state, [aWish("web1", ["xvda1"], { strategy: "md", switch: "suspend", ...move }, bytes === undefined ? {} : { bytes })], sha256);
}

describe("md is refused", () => {
  test.each<{ what: string; disk: ADisk; bytes?: number; why: RegExp }>([
    { what: "where Dom0 would see the guest's partitions", disk: { content: { type: "partitions", table: "gpt" } }, why: /partition table on an array/ },
    { what: "where it would see them beside a file system", disk: { content: unknown("ambivalent: ext4, dos partition table"), partitioned: true }, why: /partition table on an array/ },
    { what: "where the table is all that tells of them", disk: { content: unknown("protective MBR without its GPT"), partitioned: true }, why: /partition table on an array/ },
    { what: "where udev would take up the guest's LVM", disk: { content: unknown("LVM physical volume") }, why: /LVM physical volume; Dom0's udev takes that up/ },
    { what: "where it is one of several signatures", disk: { content: unknown("ambivalent: ext4, member of an md array") }, why: /member of an md array/ },
    { what: "where md would not reach the end", disk: { bytes: 64 * MIB + 512, content: { type: "unknown" } }, bytes: GIB, why: /whole KiB/ },
    { what: "where the volume is to be smaller", disk: { bytes: 64 * MIB, content: { type: "unknown" } }, bytes: 32 * MIB, why: /at least 64 MiB/ },
  ])("$what", ({ disk, bytes, why }) => {
    const { domains, diagnostics } = planned(disk, {}, bytes);
    expect(domains).toEqual([]);
    const said = diagnostics.find((d) => d.code === "no-strategy-fits");
    expect(`${said?.summary ?? ""} ${said?.detail ?? ""}`).toMatch(why);
  });

  test("and md-preseed too, where Dom0 would see partitions", () => {
    const { domains, diagnostics } = planned({ content: unknown("protective MBR without its GPT"), partitioned: true }, { strategy: "md-preseed" });
    expect(domains).toEqual([]);
    expect(diagnostics.find((d) => d.code === "no-strategy-fits")?.detail).toMatch(/partition table on an array/);
  });

  test("is not, where the content is only unknown", () => {
    expect(planned({ content: unknown("LUKS encrypted volume") }).diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  });
});

test("nothing comes between the last MiB, the configs and the cut", () => {
  const state = withFullImages(aHost([{ name: "web1", running: true, disks: { xvda1: {}, xvdb: {} } }]));
  const { domains } = planHost(state, [aWish("web1", ["xvda1", "xvdb"], { strategy: "md", switch: "suspend" })], sha256);
  const kinds = stepsOf(domains[0]?.nodes ?? []).map((step) => step.kind);
  const first = kinds.indexOf("complete-array");
  expect(kinds.slice(first, kinds.lastIndexOf("cut-array") + 1))
    .toEqual(["complete-array", "complete-array", "edit-config", "update-stored", "cut-array", "cut-array"]);
});

test("finish: now takes the guest over a second time, and the array goes before the run ends", () => {
  const now = stepsOf(planned({}, { finish: "now" }).domains[0]?.nodes ?? []).map((step) => step.id);
  const deferred = stepsOf(planned({}).domains[0]?.nodes ?? []).map((step) => step.id);
  expect(now.filter((id) => id.startsWith("again."))).toEqual(expect.arrayContaining(["again.guard", "again.save", "again.restore-paused", "again.resume"]));
  expect(now.indexOf("xvda1.retire-array")).toBeGreaterThan(now.indexOf("again.wait-ready"));
  expect(now).toContain("remove-boot-unit");
  expect(deferred.filter((id) => id.startsWith("again."))).toEqual([]);
  expect(deferred, "the guest may be saved on the array at a reboot of Dom0").not.toContain("remove-boot-unit");
});

describe("finish: window", () => {
  const window = { text: "02:00-05:00", spans: [{ start: 120, minutes: 180 }] };

  test("makes the same second switch, after all that stays for good and a wait that knows which steps it is for", () => {
    const steps = stepsOf(planned({}, { finish: "window", window }).domains[0]?.nodes ?? []);
    const now = stepsOf(planned({}, { finish: "now" }).domains[0]?.nodes ?? []);
    const ids = steps.map(({ id }) => id);
    const wait = ids.indexOf("await-window");
    const again = now.filter(({ id }) => id.startsWith("again."));
    expect(steps.filter(({ id }) => id.startsWith("again."))).toEqual(again);
    expect(waitOf(steps)).toMatchObject({ window, disks: [{ vdev: "xvda1", target: "/dev/md/converge-web1-xvda1" }], passesOver: again.map(({ id }) => id) });
    expect(ids.indexOf("xvda1.settle-volume"), "the wait may end in any way").toBeLessThan(wait);
    expect(ids.slice(wait + 1, wait + 1 + again.length)).toEqual(again.map(({ id }) => id));
    expect(new Set(ids)).toEqual(new Set([...now.map(({ id }) => id), "await-window"]));
  });

  test("is not waited for with next-reboot, nor for a guest that is down: nobody is taken over", () => {
    expect(waitOf(planned({}, { finish: "window", window, switch: "next-reboot" }).domains[0]?.nodes ?? [])).toBeUndefined();
    const down = aHost([{ name: "web1", running: false, disks: { xvda1: {} } }]);
    const { domains } = planHost(down, [aWish("web1", ["xvda1"], { strategy: "md", finish: "window", window })], sha256);
    expect(waitOf(domains[0]?.nodes ?? [])).toBeUndefined();
  });

  test("takes a guest that an earlier run left on its array off it, in the window", () => {
    const state = withFullImages(aHost([{ name: "web1", running: true, disks: { xvda1: {} } }]));
    const wish = (move: MoveOptions) => [aWish("web1", ["xvda1"], { strategy: "md", switch: "suspend", ...move })];
    const simulated = simulate(planHost(state, wish({}), sha256).domains[0]?.nodes ?? [], startModel(state));
    if (!simulated.ok) throw new Error(simulated.why);
    const steps = stepsOf(planHost(simulated.end.host, wish({ finish: "window", window }), sha256).domains[0]?.nodes ?? []);
    expect(steps[0]?.kind, "before anything").toBe("await-window");
    expect(waitOf(steps)?.passesOver).toEqual(expect.arrayContaining(["guard", "install-boot-unit", "save", "restore-paused", "resume"]));
    expect(waitOf(steps)?.passesOver).not.toContain("xvda1.retire-array");
  });
});

function unknown(hint: string): Content {
  return { type: "unknown", hint };
}
