import type { DesiredDomain, MoveOptions } from "../model/desired.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import { runDirectory } from "../model/names.js";
import type { Step } from "../model/step.js";
import type { Guard } from "../steps/guard.js";
import type { WriteConfig } from "../steps/derived-config.js";
import { migrateGuest } from "../steps/migrate-guest.js";
import { mountMemory } from "../steps/mount-memory.js";
import { unmount } from "../steps/mount-volume.js";
import { restorePaused, saveGuest } from "../steps/save-guest.js";
import { shutDown } from "../steps/shut-down.js";
import { compareAttached, createPaused, resumeGuest, waitReady } from "../steps/start-guest.js";
import { stepOf } from "../steps/step-of.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { SPARE, savedBytes } from "./choose.js";
import { isAttachable, readyOf, shutDownOf } from "./restart.js";

/** A config made from the guest's own, and the disks that it names. */
export interface Derived {
  readonly file: Omit<WriteConfig, "what">;
  readonly disks: readonly ConfiguredDisk[];
}

/** A running guest is taken from the disks that it has to others. */
export interface TakeOver {
  readonly domain: Domain;
  readonly desired: DesiredDomain;
  readonly options: MoveOptions;
  /** How: one that waits for the guest's own reboot takes nobody over. */
  readonly switchOver: Exclude<SwitchOver, "next-reboot">;
  /** As it runs now, and as it is to run: configs that lie under the run directory by then ({@link configsOf}). */
  readonly from: Derived;
  readonly to: Derived;
  /** The guest's own config: what it is started from where nothing better is left. */
  readonly config: string;
  /** First word of the steps' ids, where a plan takes the guest over more than once. */
  readonly prefix?: string;
  /**
   * Where it stands to the commit. `later`: what lies below is the old disk still, and all can be taken back. `done`: there
   * is no way back any more.
   */
  readonly commit: "later" | "done";
  /** Makes sure, right before the guest is touched, that it still is what the plan was made for. */
  readonly guard: Step<"guard", Guard>;
  /** What has to be done while the guest is down; only a restart has such a time. */
  readonly atRest?: readonly Step[];
  /** What looks after the guest when Dom0 dies meanwhile; unset where an earlier step has installed it. */
  readonly bootUnit?: Step;
  /** What it is taken off its disk for. */
  readonly why: { readonly down: string; readonly up: string };
}

/** The configs that a take-over of this kind reads: they have to be written before the guest's own is edited. */
export function configsOf({ switchOver, from, to }: Pick<TakeOver, "switchOver" | "from" | "to">): readonly Derived[] {
  return switchOver === "suspend" ? [from, to] : [to];
}

/** The guest as a plan saw it: what a config that is made of its own would take away from it, or overwrite. */
export function asSeen({ running }: Domain, file?: string): Pick<Guard, "devices" | "stored"> {
  if (running === undefined) return {};
  const { devices, storedByXl, storedHash } = running;
  return {
    ...(devices === undefined ? {} : { devices }),
    // what is stored already, and could not be hashed, is not known again
    ...(storedByXl === true && storedHash === undefined
      ? {}
      : { stored: { ...(storedHash === undefined ? {} : { sha256: storedHash }), ...(file === undefined ? {} : { file }) } }),
  };
}

/** Takes a running guest from the disks of one config onto those of another, by restart, suspension or migration: to where it is ready. */
export function takeOver(over: TakeOver): readonly Step[] {
  const { domain, switchOver, desired, to, commit, prefix } = over;
  const name = domain.name;
  const id = (step: string): string => (prefix === undefined ? step : `${prefix}.${step}`);
  // after the commit nothing is a preparation any more: a request to stop is heeded before those
  const aside = commit === "done" ? "switch" : "prepare";
  const suspend = switchOver === "suspend";
  const memory = memoryOf(name);
  const file = `${memory}/guest`;
  return [
    ...(suspend
      ? [stepOf(mountMemory, aside, id("make-room"), { target: memory, bytes: savedBytes(domain) }, "the guest's memory goes there")]
      : []),
    {
      ...over.guard, args: {
        ...over.guard.args, builds: true,
        ...(suspend ? { memory: { target: memory, bytes: savedBytes(domain), spareBytes: SPARE } } : {}),
      },
    },
    ...(over.bootUnit === undefined ? [] : [over.bootUnit]),
    ...across(over, id, file),
    stepOf(
      compareAttached, "switch", id("compare-attached"),
      { domain: name, disks: to.disks.filter(isAttachable).map(({ vdev, target }) => ({ vdev, target })) },
      "what is attached has to be what was planned",
    ),
    stepOf(resumeGuest, "switch", id("resume"), { domain: name, ...(suspend ? { file } : {}) }, over.why.up),
    stepOf(waitReady, "switch", id("wait-ready"), { domain: name, ready: readyOf(desired, domain), ...(commit === "later" ? { notes: true } : {}) }, "the downtime ends when it is up"),
    ...(suspend ? [stepOf(unmount, aside, id("give-room-back"), { target: memory }, "the guest has its memory again")] : []),
  ];
}

/** Off the old disks, and built on the new ones without running there yet. */
function across(over: TakeOver, id: (step: string) => string, file: string): readonly Step[] {
  const { domain: { name: domain }, options, config, to, from, why } = over;
  const { disks } = to;
  const built = "built, and not yet running";
  switch (over.switchOver) {
    case "restart":
      return [
        stepOf(shutDown, "switch", id("shut-down"), shutDownOf(over.domain, config, options), why.down),
        ...(over.atRest ?? []),
        stepOf(createPaused, "switch", id("create-paused"), { domain, config: to.file.to, disks }, built),
      ];
    case "suspend":
      return [
        stepOf(saveGuest, "switch", id("save"), { domain, config, before: from.file.to, file }, why.down),
        stepOf(restorePaused, "switch", id("restore-paused"), { domain, config: to.file.to, file, disks }, built),
      ];
    case "migrate":
      return [stepOf(migrateGuest, "switch", id("migrate"), { domain, config, to: to.file.to, disks }, why.down)];
  }
}

function memoryOf(domain: string): string {
  return `${runDirectory(domain)}/memory`;
}
