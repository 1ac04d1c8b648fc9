import { createHash } from "node:crypto";
import type { Readings } from "../../src/core/facts/readings.js";
import type { DesiredDomain } from "../../src/core/model/desired.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { HostPlan } from "../../src/core/model/plan.js";
import { observe } from "../../src/core/observe/observe.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { guestName, manyGuests } from "../observe/many-guests.js";
import { aWish } from "../support/a-host.js";

/**
 * Planning for many hosts, from what their commands printed to the plan. What counts is the processor's time, on all threads: the clock's
 * says more of what else the machine does meanwhile.
 */

export interface PlanningTimes {
  readonly hosts: number;
  /** Of the processor (user and system), and by the clock, in seconds. */
  readonly processor: number;
  readonly wall: number;
  /**
   * The part of the processor's time in which what commands printed is read; the rest is planning. Told apart by the clock's times of
   * both: to ask for the processor's before and after each host costs as much as to plan it, on some machines.
   */
  readonly reading: number;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Readings are made in batches, outside what is measured: those of 1,000 hosts at once are 200 MB of text. */
const BATCH = 50;

/**
 * Observes and plans hosts one after the other, and keeps every plan, as a preview does.
 * @param guests of each host
 * @param moving how many of them have their root to be moved
 */
export function planMany(hosts: number, guests: number, moving: number): PlanningTimes {
  const plans: HostPlan[] = [];
  let processor = 0;
  let wall = 0;
  let reading = 0;
  for (let first = 1; first <= hosts; first += BATCH) {
    const times = planAll(readingsOf(Math.min(BATCH, hosts + 1 - first), guests, first), guests, moving, plans);
    processor += times.processor;
    wall += times.wall;
    reading += times.reading;
  }
  return { hosts: plans.length, processor, wall, reading };
}

/** Readings of hosts `dom0-FIRST` and on. */
export function readingsOf(hosts: number, guests: number, first = 1): readonly Readings[] {
  return Array.from({ length: hosts }, (_, i) => manyGuests(`dom0-${first + i}`, guests));
}

/** As {@link planMany}, for readings that are there. @param plans gets the plans */
export function planAll(all: readonly Readings[], guests: number, moving: number, plans: HostPlan[]): Omit<PlanningTimes, "hosts"> {
  const wishes = all.map((readings): readonly DesiredDomain[] =>
    Array.from({ length: guests }, (_, i) => aWish(guestName(readings.host, i + 1), i < moving ? ["xvda1"] : [])));
  const [start, clock] = [process.cpuUsage(), performance.now()];
  // each host to its end, as converge does it: what one host is, is forgotten before the next one answers
  let readingWall = 0;
  for (const [i, readings] of all.entries()) {
    const began = performance.now();
    const { value, diagnostics } = observe(readings);
    readingWall += (performance.now() - began) / 1000;
    if (value === undefined) throw new Error(JSON.stringify(diagnostics));
    const plan = planHost(withRoom(value), wishes[i] ?? [], sha256);
    if (hasErrors(plan.diagnostics)) throw new Error(JSON.stringify(plan.diagnostics[0]));
    if (plan.domains.length !== moving) throw new Error(`${plan.domains.length} guests planned`);
    plans.push(plan);
  }
  const processor = seconds(process.cpuUsage(start));
  const wall = (performance.now() - clock) / 1000;
  return { processor, wall, reading: (processor * readingWall) / wall };
}

/** Of user and system. */
function seconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}

/** The lab's volume group holds one guest's disks; here it has to hold all of them. */
function withRoom(state: HostState): HostState {
  const vg0 = state.volumeGroups["vg0"];
  if (vg0 === undefined) throw new Error("no vg0");
  return { ...state, volumeGroups: { ...state.volumeGroups, vg0: { ...vg0, freeExtents: 1_000_000 } } };
}
