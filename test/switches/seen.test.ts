import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { RunningDomain } from "../../src/core/model/domain.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import type { Guard } from "../../src/core/steps/guard.js";
import type { UpdateStored } from "../../src/core/steps/update-stored.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";

/** What was seen of a guest at planning goes to the host, where it is held against the guest right before it is touched. */

function planned(move: MoveOptions, change: Partial<RunningDomain> = {}, devices: readonly string[] = ["vbd/51713", "vif/0"]) {
  const host = aHost([{ name: "web1", disks: { xvda1: {} } }]);
  const { web1 } = host.domains;
  if (web1?.running === undefined) throw new Error("no guest that runs");
  const running = { ...web1.running, ...(devices.length === 0 ? {} : { devices }), ...change };
  const state = { ...host, host: { ...host.host, capabilities: ["pv", "shadow"] }, domains: { web1: { ...web1, running } } };
  const { domains: [domain], diagnostics } = planHost(state, [aWish("web1", ["xvda1"], { strategy: "dm", ...move })], sha256);
  expect(diagnostics).toEqual([]);
  const steps = stepsOf(domain?.nodes ?? []);
  const guard = (id: string): Guard | undefined => steps.find((step) => step.id === id)?.args as Guard | undefined;
  return {
    guard, notes: steps.some(({ kind, args }) => kind === "wait-ready" && (args as { readonly notes?: true }).notes === true),
    stores: steps.filter(({ kind }) => kind === "update-stored").map(({ args }) => (args as UpdateStored).known),
  };
}

describe("the guard of a guest that is taken over", () => {
  test.each(["suspend", "migrate"] as const)("knows its devices, and that nothing was stored for its reboot: %s", (switchOver) => {
    const { guard, notes, stores } = planned({ switch: switchOver, finish: "now" });
    expect(guard("guard")).toMatchObject({ devices: ["vbd/51713", "vif/0"], stored: {} });
    expect(guard("guard")?.memory).toEqual(switchOver === "suspend"
      ? { target: "/run/converge/web1/memory", bytes: Math.ceil(128 * 1024 ** 2 * 1.02) + 16 * 1024 ** 2, spareBytes: 128 * 1024 ** 2 }
      : undefined);
    // from there on what it has is noted on the host, since this run has built it
    expect(notes).toBe(true);
    expect(guard("guard-mirror")).toMatchObject({ stored: { file: "/run/converge/web1/next.cfg" } });
    expect(guard("guard-mirror")?.devices).toBeUndefined();
    expect(guard("again.guard")).toMatchObject({ stored: { file: "/run/converge/web1/stored.cfg" } });
    expect(stores).toEqual([undefined]);
  });

  test("knows what somebody had stored when it was planned", () => {
    const hash = "ab".repeat(32);
    expect(planned({ switch: "suspend" }, { storedByXl: true, storedHash: hash }).guard("guard")?.stored).toEqual({ sha256: hash });
    const waits = planned({ switch: "next-reboot" }, { storedByXl: true, storedHash: hash });
    expect(waits.guard("guard")).toMatchObject({ devices: ["vbd/51713", "vif/0"], stored: { sha256: hash } });
    expect(waits.stores).toEqual([hash]);
    // what could not be hashed can not be known again
    expect(planned({ switch: "suspend" }, { storedByXl: true }).guard("guard")?.stored).toBeUndefined();
  });

  test("lets be what a restart from its config replaces in any case, and what libxl does not tell", () => {
    const { guard } = planned({ switch: "restart" });
    for (const member of ["devices", "stored", "memory"] as const) expect(guard("guard")?.[member]).toBeUndefined();
    expect(guard("guard-mirror")).toMatchObject({ stored: { file: "/run/converge/web1/next.cfg" } });
    expect(planned({ strategy: "rsync" }).guard("guard")).not.toHaveProperty("devices");
    const untold = planned({ switch: "suspend" }, {}, []).guard("guard");
    expect(untold?.stored).toEqual({});
    expect(untold).not.toHaveProperty("devices");
  });
});
