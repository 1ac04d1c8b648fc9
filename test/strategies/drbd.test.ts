import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { aHost, aWish, GIB, MIB, sha256, withFullImages } from "../support/a-host.js";
import type { ADisk } from "../support/a-host.js";

function planned(disk: ADisk, { host = withFullImages, bytes, ...move }: MoveOptions & { readonly host?: (state: HostState) => HostState; readonly bytes?: number } = {}) {
  const state = host(aHost([{ name: "web1", running: true, disks: { xvda1: disk } }]));
  return planHost(state, [aWish("web1", ["xvda1"], { strategy: "drbd", switch: "suspend", ...move }, bytes === undefined ? {} : { bytes })], sha256);
}

const on = (change: Partial<HostState>) => (state: HostState): HostState => ({ ...withFullImages(state), ...change });

describe("drbd is refused", () => {
  test.each<{ what: string; disk?: ADisk; bytes?: number; host?: (state: HostState) => HostState; why: RegExp }>([
    { what: "where the image has holes", host: (state) => state, why: /its image is sparse \(32 MiB of 64 MiB\).*fallocate/ },
    { what: "where udev would take up the guest's LVM", disk: { content: { type: "unknown", hint: "LVM physical volume" } }, why: /LVM physical volume; Dom0's udev/ },
    { what: "where DRBD would not reach the end", disk: { bytes: 64 * MIB + 512, content: { type: "unknown" } }, bytes: GIB, why: /whole blocks of 4 KiB/ },
    { what: "where the volume is to be smaller", bytes: 32 * MIB, why: /at least 64 MiB/ },
    { what: "without the module", host: on({ modules: { drbd: "missing" } }), why: /the kernel has no module drbd/ },
    { what: "with a DRBD of another kind", host: on({ drbd: "9.1.7" }), why: /the kernel's DRBD is 9\.1\.7, and this is made for 8\.4/ },
    { what: "without its tools", host: on({ tools: { drbdsetup: { present: false } } }), why: /Debian's package drbd-utils/ },
  ])("$what", ({ disk = {}, why, ...more }) => {
    const { domains, diagnostics } = planned({ bytes: 64 * MIB, content: { type: "unknown" }, ...disk }, more);
    expect(domains).toEqual([]);
    const said = diagnostics.find((d) => d.code === "no-strategy-fits");
    expect(`${said?.summary ?? ""} ${said?.detail ?? ""}`).toMatch(why);
  });

  test("is not, with the kernel's own DRBD, whatever is in the image", () => {
    const { diagnostics } = planned({ content: { type: "partitions", table: "gpt" } }, { host: on({ drbd: "8.4.11" }) });
    expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  });
});

test("nothing comes between the last of the copy, the configs and the cut", () => {
  const state = withFullImages(aHost([{ name: "web1", running: true, disks: { xvda1: {}, xvdb: {} } }]));
  const { domains } = planHost(state, [aWish("web1", ["xvda1", "xvdb"], { strategy: "drbd", switch: "suspend" })], sha256);
  const kinds = stepsOf(domains[0]?.nodes ?? []).map((step) => step.kind);
  const first = kinds.indexOf("complete-resource");
  expect(kinds.slice(first, kinds.lastIndexOf("cut-resource") + 1))
    .toEqual(["complete-resource", "complete-resource", "edit-config", "update-stored", "cut-resource", "cut-resource"]);
});

test("finish: now takes the guest over a second time, and the resource goes before the run ends", () => {
  const now = stepsOf(planned({}, { finish: "now" }).domains[0]?.nodes ?? []).map((step) => step.id);
  const deferred = stepsOf(planned({}).domains[0]?.nodes ?? []).map((step) => step.id);
  expect(now).toEqual(expect.arrayContaining(["again.guard", "again.save", "again.restore-paused", "again.resume"]));
  expect(now.indexOf("xvda1.retire-resource")).toBeGreaterThan(now.indexOf("again.wait-ready"));
  expect(now).toContain("remove-boot-unit");
  expect(deferred.filter((id) => id.startsWith("again."))).toEqual([]);
});

test("it is never chosen where nobody names it", () => {
  const state = withFullImages(aHost([{ name: "web1", running: true, disks: { xvda1: {} } }]));
  const { domains } = planHost(state, [aWish("web1", ["xvda1"])], sha256);
  expect(domains[0]?.choices.map(({ strategy }) => strategy)).not.toContain("drbd");
});

test.each<{ switchOver: "suspend" | "next-reboot"; running: boolean; paused: boolean }>([
  { switchOver: "suspend", running: true, paused: true },
  { switchOver: "suspend", running: false, paused: false },
  // not due yet: the guest is not on its device
  { switchOver: "next-reboot", running: true, paused: false },
])("a guest is paused for the commit, the preview says so and the forecast has it: $switchOver, running $running", ({ switchOver, running, paused }) => {
  const state = withFullImages(aHost([{ name: "web1", running, disks: { xvda1: {} } }]));
  const { domains } = planHost(state, [aWish("web1", ["xvda1"], { strategy: "drbd", switch: switchOver, offline: !running })], sha256);
  const cuts = stepsOf(domains[0]?.nodes ?? []).filter((step) => step.kind === "cut-resource").map((step) => {
    const { title, risk, actions } = describeStep(step);
    return { said: title.includes("while web1 is paused"), risk, actions };
  });
  expect(cuts.map(({ said }) => said)).toEqual(switchOver === "next-reboot" ? [] : [paused]);
  expect(cuts.map(({ risk }) => risk)).toEqual(cuts.map(() => (paused ? "disruptive" : "safe")));
  if (paused) expect(JSON.stringify(cuts[0]?.actions)).toMatch(/"[# ]*xl pause -- web1; wait until nothing is under way .*; xl unpause -- web1"/);
  expect((domains[0]?.estimate.parts ?? []).some(({ what }) => what === "volume in place of image")).toBe(paused);
});

test("what the exchange takes is a guess until this host has measured one, of whichever guest", () => {
  const exchange = (history: HostState["history"]) =>
    planned({}, { host: on({ history }) }).domains[0]?.estimate.parts.find(({ what }) => what === "volume in place of image");
  const run = { domain: "other1", strategy: "drbd", switch: "suspend", shutdownSeconds: 1, startSeconds: 1, downtimeSeconds: 3, bytesPerSecond: 0 };
  expect(exchange([])).toMatchObject({ seconds: 3, how: expect.stringContaining("a guess") as string });
  expect(exchange([run, { ...run, strategy: "qemu", exchangeSeconds: 0.01 }]), "older books, and QEMU's").toEqual(exchange([]));
  expect(exchange([{ ...run, exchangeSeconds: 1.42 }])).toMatchObject({ seconds: 1.5, how: "median of 1 past move by drbd here" });
});

test("so is what QEMU's going over takes, which is never nothing", () => {
  const state = aHost([{ name: "web1", qdisk: true, disks: { xvda1: {}, xvdb: {} } }]);
  const forecast = (history: HostState["history"]) =>
    planHost({ ...state, history }, [aWish("web1", ["xvda1", "xvdb"], { strategy: "qemu" })], sha256).domains[0]?.estimate;
  const run = { domain: "other1", strategy: "qemu", switch: "none", shutdownSeconds: 0, startSeconds: 0, downtimeSeconds: 0, bytesPerSecond: 0 };
  expect(forecast([])?.downtimeSeconds).toBe(0.2);
  expect(forecast([{ ...run, exchangeSeconds: 0.7 }])?.downtimeSeconds).toBe(1.4);
  expect(forecast([{ ...run, exchangeSeconds: 0.01 }])?.parts.map(({ seconds }) => seconds)).toEqual([0.1, 0.1]);
});
