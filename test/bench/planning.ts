import { createHash } from "node:crypto";
import type { DesiredDomain } from "../../src/core/model/desired.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { observe } from "../../src/core/observe/observe.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import type { Readings } from "../../src/core/facts/readings.js";
import { manyGuests } from "../observe/many-guests.js";
import { aWish } from "../support/a-host.js";

/** Planning for many hosts, from what their commands printed to the plan: seconds, and how it grows. */

export interface PlanningTimes {
  readonly hosts: number;
  readonly guests: number;
  readonly observeSeconds: number;
  readonly planSeconds: number;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * @param moving every guest has its root to be moved, the most that there can be to plan; or none has, as on most days
 */
export function planMany(hosts: number, guests: number, moving: boolean): PlanningTimes {
  const readings: Readings[] = Array.from({ length: hosts }, (_, i) => manyGuests(`dom0-${i + 1}`, guests));
  const wishes: DesiredDomain[] = Array.from({ length: guests }, (_, i) => aWish(`guest${i + 1}`, moving ? ["xvda1"] : []));
  const start = performance.now();
  const states = readings.map((reading) => {
    const { value, diagnostics } = observe(reading);
    if (value === undefined) throw new Error(JSON.stringify(diagnostics));
    return value;
  });
  const observed = performance.now();
  for (const state of states) {
    const vg0 = state.volumeGroups["vg0"];
    if (vg0 === undefined) throw new Error("no vg0");
    // room for all of them
    const roomy = { ...state, volumeGroups: { ...state.volumeGroups, vg0: { ...vg0, freeExtents: 1_000_000 } } };
    const plan = planHost(roomy, wishes, sha256);
    if (hasErrors(plan.diagnostics)) throw new Error(JSON.stringify(plan.diagnostics[0]));
    if (plan.domains.length !== (moving ? guests : 0)) throw new Error(`${plan.domains.length} guests planned`);
  }
  const planned = performance.now();
  return { hosts, guests, observeSeconds: (observed - start) / 1000, planSeconds: (planned - observed) / 1000 };
}
