import type { DiskMove } from "./strategy.js";

/**
 * Why a strategy that mirrors blocks can not do what is asked, or nothing: what it has on the volume is whole only once the
 * guest has been taken onto the mirror's device, or never rests at all, so that there is no switch left to rehearse.
 */
export function unrehearsed({ options }: DiskMove): readonly string[] {
  return options.rehearse === true ? ["a rehearsal is asked for, and a clone can be booted only from a copy of files (strategy rsync)"] : [];
}

/** The same for a copy that is there only once the guest is down: while its clone booted it would go on waiting. */
export function restsTooLate({ options, running, live }: DiskMove): readonly string[] {
  return options.rehearse === true && running && !live
    ? ["a rehearsal is asked for, and the guest is to be down for the whole copy: there is none before that a clone could boot from"]
    : [];
}
