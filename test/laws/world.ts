import { builtWith, guestFlushes, guestHoldsBack, guestWrites, rebootedItself, startedFromConfig } from "../../src/core/model/guest.js";
import { disksBehind, mappingAt } from "../../src/core/model/mapping.js";
import type { Model } from "../../src/core/model/model.js";
import { servedFrom } from "../../src/core/model/qemu.js";
import type { Step } from "../../src/core/model/step.js";
import { withDomain, withGhost, withRunning } from "../../src/core/model/transform.js";
import { bringBackNames, commitsOf, rebootDom0, recover, startAutostarted } from "../../src/core/plan/recover.js";
import type { Recovery } from "../../src/core/plan/recover.js";

/** What others do while converge works: guests, Dom0's boot and shutdown, and people. */

/** Mulberry32: the same seed gives the same numbers, 0 up to 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What all guests do in the time of one step. */
export type Guests = (model: Model) => Model;

/** Guests that write, hold writes back, bring them to disk and reboot by themselves, as the numbers have it. */
export function livingGuests(random: () => number, reboots: number): Guests {
  return (model) => Object.values(model.host.domains).reduce((at, { name, running }) => {
    if (running === undefined || running.paused) return at;
    const act = random();
    if (act < reboots) return rebootedItself(at, name);
    if (act < 0.35) return guestHoldsBack(at, name);
    if (act < 0.6) return guestFlushes(at, name);
    if (act < 0.9) return writesAlone(at, name);
    return at;
  }, model);
}

function writesAlone(model: Model, name: string): Model {
  const domain = model.host.domains[name];
  if (domain === undefined) return model;
  return { ...model, ghost: guestWrites({ ...model, host: { ...model.host, domains: { [name]: domain } } }).ghost };
}

/** Nobody knows what guests hold back until they are told to live. */
export function withMemory(model: Model): Model {
  return withGhost(model, { buffered: {} });
}

/** How the host program's work ends before its end, and what then becomes of the host. */
export type Ending = "killed, then an orderly reboot" | "killed, and its guest rebooted and stopped before its recovery" | "killed, and used by somebody before its recovery" | "killed" | "orderly reboot" | "power cut" | "power cut, recovered late" | "killed, and its recovery cut off";
export const ENDINGS: readonly Ending[] = [
  "killed", "killed, and used by somebody before its recovery", "killed, and its guest rebooted and stopped before its recovery", "orderly reboot", "power cut", "power cut, recovered late",
  "killed, and its recovery cut off",
];

export interface Cut {
  readonly started: readonly Step[];
  readonly domain: string;
  readonly committing?: boolean;
  /** All steps were done, and the last word is in the journal. */
  readonly ended: boolean;
  /** The steps of a run before, which ended well and left the guest to reboot by itself: its boot unit is there until this run has its own. */
  readonly earlier?: readonly Step[] | undefined;
  /** Steps that found done what they are to do: nobody takes that back but after a reboot, which took it already. */
  readonly skipped?: ReadonlySet<Step>;
}

export interface After {
  readonly model: Model;
  /** The host as it was when Dom0 went down; unset where it did not. */
  readonly atCut?: Model;
  /** The host once it has booted, and no run came to its help. */
  readonly booted?: Model;
  /** Somebody took it down, and nobody else has to bring it up. */
  readonly stopped?: string;
}

/**
 * The host after it has looked after itself.
 * @param observe called with each state that is left to itself, to be asked for what holds at every instant
 */
export function after(
  { started, domain, committing, ended, earlier, skipped }: Cut, ending: Ending, before: Model, guests: Guests, observe: (model: Model, what: string) => void,
): After {
  const options: Recovery = { guests, ...(committing === undefined ? {} : { committing }) };
  const ran = skipped === undefined ? started : started.filter((step) => !skipped.has(step));
  const commits = (model: Model): boolean => (committing ?? commitsOf(started, model).length > 0) || model.ghost.staying?.includes(domain) === true;
  const recovered = (model: Model): Model => {
    if (ended) return model;
    const back = recover(model.host.host.bootId === before.host.host.bootId ? ran : started, domain, model, options);
    // the unit of the run before is there again, which the model does not tell from this one's
    const again = earlier !== undefined && !commits(back) && model.ghost.bootUnits.includes(domain) && !back.ghost.bootUnits.includes(domain);
    return again ? withGhost(back, { bootUnits: [...back.ghost.bootUnits, domain] }) : back;
  };
  const own = earlier === undefined || started.slice(0, -1).some(({ kind }) => kind === "install-boot-unit");
  // until it commits, the one whose unit it has replaced counts as well
  const withEarlier = (model: Model): Model => (earlier === undefined || commits(model) ? model : bringBackNames(earlier, domain, model));
  const atBoot = (model: Model): Model => {
    if (!model.ghost.bootUnits.includes(domain)) return model;
    if (!own) return bringBackNames(earlier, domain, model);
    return withEarlier(ended ? bringBackNames(started, domain, model) : recover(started, domain, model, options));
  };
  switch (ending) {
    case "killed":
      return { model: recovered(before) };
    case "killed, and used by somebody before its recovery":
      return { model: recovered(usedByHand(before, domain, guests)) };
    case "killed, and its guest rebooted and stopped before its recovery":
      return ended ? { model: before } : { model: recovered(rebootedAndStopped(before, domain, guests)), stopped: domain };
    case "killed, and its recovery cut off": {
      if (ended) return { model: before };
      const half = recover(ran, domain, before, { ...options, undos: Math.floor(ran.length / 2) });
      observe(half, "half recovered");
      const booted = atBoot(rebootDom0(powerCut(half), "boot-2"));
      const helped = startAutostarted(booted);
      return { model: recovered(helped), atCut: half, booted: helped };
    }
    case "power cut": {
      const booted = atBoot(rebootDom0(powerCut(before), "boot-2"));
      observe(booted, "booted");
      return { model: startAutostarted(recovered(booted)), atCut: before };
    }
    case "power cut, recovered late": {
      // without a boot unit nobody recovers before guests start: the next run does
      const booted = startAutostarted(atBoot(rebootDom0(powerCut(before), "boot-2")));
      observe(booted, "booted");
      const lived = guests(booted);
      observe(lived, "booted, and wrote");
      return { model: recovered(lived), atCut: before, booted };
    }
    case "killed, then an orderly reboot": {
      // nobody has looked after it when xendomains saves whatever runs
      const booted = rebootDom0(savedGuests(before), "boot-2");
      const restored = startAutostarted(restoredGuests(atBoot(booted)));
      observe(restored, "booted");
      return { model: recovered(restored) };
    }
    case "orderly reboot": {
      // systemd stops the unit before xendomains saves guests: what it had done is taken back first
      const saved = savedGuests(recovered(before));
      observe(saved, "saved");
      const booted = rebootDom0(saved, "boot-2");
      // it has ended by now: only names that saved guests need are looked after
      const named = !booted.ghost.bootUnits.includes(domain) ? booted
        : own ? withEarlier(namesAtBoot(started, domain, booted, committing, ended)) : bringBackNames(earlier, domain, booted);
      return { model: startAutostarted(restoredGuests(named)) };
    }
  }
}

function namesAtBoot(started: readonly Step[], domain: string, model: Model, committing: boolean | undefined, ended: boolean): Model {
  if (ended) return bringBackNames(started, domain, model);
  return recover(started, domain, model, committing === undefined ? {} : { committing });
}

/** What guests hold in their memory is gone with it. None of it was acknowledged. */
function powerCut(model: Model): Model {
  return model.ghost.buffered === undefined ? model : withGhost(model, { buffered: {} });
}

/** xendomains at shutdown: every guest that runs goes into a save file, its memory included. */
export function savedGuests(given: Model): Model {
  const clones = (given.ghost.clones ?? []).map((clone) => ({ ...clone, state: "saved" as const }));
  const model = withGhost(given, { clones });
  const running = Object.values(model.host.domains).filter((domain) => domain.running !== undefined);
  return running.reduce((at, domain) => {
    const { running: was } = domain;
    if (was === undefined) return at;
    const marked = withRunning(withDomain(at, { ...domain, saved: true }), domain.name, undefined);
    return withGhost(marked, { saved: { ...at.ghost.saved, [domain.name]: was } });
  }, model);
}

/** xendomains at boot: each guest gets its memory back, which knows its disks as they were. */
export function restoredGuests(given: Model): Model {
  const clones = (given.ghost.clones ?? []).map((clone) => ({ ...clone, state: "runs" as const }));
  const model = withGhost(given, { clones });
  return Object.entries(model.ghost.saved ?? {}).reduce((at, [name, was]) => {
    for (const disk of was.attached) {
      const { vdev } = disk;
      const params = servedFrom(disk);
      const there = /^\/dev\/(mapper|md|drbd)\/converge-/.test(params) ? mappingAt(params, at.host) !== undefined : true;
      if (!there) throw new Error(`${name} was saved on ${params}, which is not there at boot: it is not restored`);
      const [complete = ""] = disksBehind(params, at.host);
      const writes = at.ghost.disks[complete]?.writes;
      const known = at.ghost.acknowledged[`${name}/${vdev}`];
      // fresh swap holds nothing that a guest was told is safe
      if (known !== undefined && writes !== known && writes !== Number.MAX_SAFE_INTEGER) throw new Error(`${name} is restored over ${params}, which has changed meanwhile`);
    }
    const { [name]: _restored, ...saved } = at.ghost.saved ?? {};
    const domain = at.host.domains[name];
    if (domain === undefined) return at;
    // what xl saves with a guest names the disks that it had, whatever was stored for its reboots before (seen)
    const stored = was.stored.map((disk) => {
      const had = was.attached.find(({ vdev }) => vdev === disk.vdev);
      return had === undefined ? disk : { ...disk, target: servedFrom(had) };
    });
    const built = builtWith(withDomain(withGhost(at, { saved }), { ...domain, saved: false }), name, stored);
    const now = built.host.domains[name]?.running;
    const { qemu: _ended, ...kept } = was;
    const { attached, domid, qemu } = now ?? was;
    return now === undefined
      ? built
      : withRunning(built, name, { ...kept, stored, domid, attached, ...(qemu === undefined ? {} : { qemu }), paused: false });
  }, model);
}

/** Somebody stops the guest and starts it anew, from the file in /etc/xen. */
export function restartedByHand(model: Model, name: string): Model {
  const running = model.host.domains[name]?.running;
  if (running === undefined || running.paused) return startedByHand(model, name);
  return startedByHand(withRunning(guestFlushes(model, name), name, undefined), name);
}

/** Somebody starts a guest that is down, and when it has written something stops it again. */
function usedByHand(model: Model, name: string, guests: Guests): Model {
  if (model.host.domains[name]?.running !== undefined) return model;
  return withRunning(guestFlushes(guests(startedFromConfig(model, name)), name), name, undefined);
}

/** A guest reboots by itself, from what xl has stored for that, writes something, and somebody stops it. */
function rebootedAndStopped(model: Model, name: string, guests: Guests): Model {
  const running = model.host.domains[name]?.running;
  if (running === undefined || running.paused) return model;
  return withRunning(guestFlushes(guests(rebootedItself(model, name)), name), name, undefined);
}

/** Somebody starts a guest that is down. One that is paused is left alone. */
export function startedByHand(model: Model, name: string): Model {
  return model.host.domains[name]?.running === undefined ? startedFromConfig(model, name) : model;
}
