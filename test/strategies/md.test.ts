import { describe, expect, test } from "vitest";
import type { Content } from "../../src/core/model/storage.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, GIB, MIB, sha256 } from "../support/a-host.js";
import type { ADisk } from "../support/a-host.js";
import type { MoveOptions } from "../../src/core/model/desired.js";

function planned(disk: ADisk, move: MoveOptions = {}, bytes?: number) {
  const state = aHost([{ name: "web1", running: true, disks: { xvda1: disk } }]);
  return planHost(state, [aWish("web1", ["xvda1"], { strategy: "md", switch: "suspend", ...move }, bytes === undefined ? {} : { bytes })], sha256);
}

describe("md is refused", () => {
  test.each<{ what: string; disk: ADisk; bytes?: number; why: RegExp }>([
    { what: "where Dom0 would see the guest's partitions", disk: { content: { type: "partitions", table: "gpt" } }, why: /partition table on an array/ },
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

  test("is not, where the content is only unknown", () => {
    expect(planned({ content: unknown("LUKS encrypted volume") }).diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  });
});

test("nothing comes between the last MiB, the configs and the cut", () => {
  const state = aHost([{ name: "web1", running: true, disks: { xvda1: {}, xvdb: {} } }]);
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

function unknown(hint: string): Content {
  return { type: "unknown", hint };
}
