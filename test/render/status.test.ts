import { expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { guestStatuses } from "../../src/core/render/status.js";
import { restoredGuests, savedGuests } from "../laws/world.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { asWritten } from "../laws/as-written.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { movedHost } from "../support/a-return.js";

const nextOf = (state: HostState): readonly (readonly [string, string])[] =>
  guestStatuses({ ...state, runs: [] }, (command, domain) => `${command} ${domain}`).map(({ state: of, next }) => [of, next]);

test("a guest on the device that mirrored its disk leaves it by a reboot of its own, but where xendomains has restored it there", () => {
  const moved = movedHost({ strategy: "dm", switch: "suspend" });
  expect(nextOf(moved)).toEqual([["mapped", expect.stringContaining("its next restart puts it on its volumes directly") as string]]);
  const restored = restoredGuests(savedGuests(startModel(moved))).host;
  expect(nextOf(restored)).toEqual([["mapped", expect.stringContaining("its own reboot comes back to its mappings") as string]]);
  expect(nextOf(restored)[0]?.[1]).toContain("shut down and started from its config it is on its volumes directly");
});

test("a guest whose own reboot is awaited for one of its disks is told so, though another one is on the device that mirrored it", () => {
  let model = startModel(aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} } }]));
  for (const wish of [
    aWish("web1", ["xvda1"], { strategy: "dm", switch: "suspend" }), aWish("web1", ["xvda1", "xvda2"], { strategy: "dm", switch: "next-reboot" }),
  ]) {
    const [domain] = planHost(model.host, [wish], sha256).domains;
    model = asWritten(unroll(domain?.nodes ?? []).reduce((at, step) => simulateStep(step, at).model, model));
  }
  const { attached, stored } = model.host.domains["web1"]?.running ?? {};
  expect([attached?.[0]?.params, stored?.[1]?.target]).toEqual(["/dev/mapper/converge-web1-xvda1", "/dev/mapper/converge-web1-xvda2"]);
  expect(nextOf(model.host)).toEqual([["waits", "its own reboot takes it onto its mappings; run the playbook again after it"]]);
});
