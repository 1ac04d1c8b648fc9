import { quoteCommand } from "../model/command.js";
import type { Leg } from "../model/goal.js";
import type { Model } from "../model/model.js";
import { withOverwritten } from "../model/recycled.js";
import type { Action, StepKind } from "../model/step.js";
import { withDisk, withRunning } from "../model/transform.js";
import { MAKERS_TOOLS, traitsOf } from "./makers.js";

export interface HoldDisks {
  /** Unset: nobody runs on them. */
  readonly domain?: string;
  /** Names of what the disks lie on: mappings, or arrays. None where QEMU serves them, which keeps everything from them itself. */
  readonly mappings: readonly string[];
}

/**
 * Image and volume come to rest: the guest is paused, which keeps its time from running, and the mirrors are suspended,
 * which waits for what is under way and keeps everything else back, discards included. Not flushed: what waits for a leg
 * that fails at this very moment goes back into the queue instead of being failed. An array keeps back what writes to a
 * range of it (Documentation/admin-guide/md.rst, suspend_lo and suspend_hi), and waits for what is under way as well. DRBD is
 * told nothing (its suspend-io loses requests); it comes to rest by itself once the guest is paused, and its count of what
 * was written tells whether it stayed so.
 */
export const holdDisks: StepKind<"hold-disks", HoldDisks> = {
  kind: "hold-disks",
  risk: "disruptive",
  requires: ["xl", ...MAKERS_TOOLS],
  needs: ({ mappings }) => ["xl", ...toolsOf(mappings)],
  title: ({ domain, mappings }) => {
    if (domain === undefined) return `${rests(mappings) ? "Wait for" : "Keep everything from"} ${mappings.join(", ")}`;
    if (mappings.length === 0) return `Pause ${domain}`;
    return `Pause ${domain}, and ${rests(mappings) ? "wait until its disks are at rest" : "keep everything from its disks"}`;
  },
  actions: ({ domain, mappings }) => [
    ...(domain === undefined ? [] : [{ verb: ["pause_guest", domain] as [string, ...string[]], command: ["xl", "pause", "--", domain] as [string, ...string[]] }]),
    ...mappings.map((name) => traitsOf(name).hold(name)),
  ],
  goals: () => [],
  effect: ({ domain }, model) => withPaused(domain, true, model),
  undo: ({ domain, mappings }) => ({
    when: [],
    actions: [release(domain, mappings)],
    effect: (model) => withPaused(domain, false, model),
  }),
};

export const releaseDisks: StepKind<"release-disks", HoldDisks> = {
  kind: "release-disks",
  risk: "safe",
  requires: ["xl", ...MAKERS_TOOLS],
  needs: ({ mappings }) => ["xl", ...toolsOf(mappings)],
  title: ({ domain, mappings }) => (domain === undefined ? `Let ${mappings.join(", ")} be used again` : `Let ${domain} run on`),
  actions: ({ domain, mappings }) => [release(domain, mappings)],
  goals: ({ domain }) => (domain === undefined ? [] : [{ goal: "domain-running", domain }]),
  effect: ({ domain }, model) => withPaused(domain, false, model),
};

/** They come to rest by themselves: nothing is kept from them. */
function rests(mappings: readonly string[]): boolean {
  return mappings.every((name) => traitsOf(name).rests === true);
}

function toolsOf(mappings: readonly string[]): readonly string[] {
  return [...new Set(mappings.flatMap((name) => traitsOf(name).tools))];
}

function release(domain: string | undefined, mappings: readonly string[]): Action {
  return {
    verb: ["release_disks", domain ?? "-", ...mappings],
    shown: [...mappings.map((name) => traitsOf(name).released(name)), ...(domain === undefined ? [] : [`${quoteCommand(["xl", "unpause", "--", domain])}, if it was paused here`])].join("; "),
  };
}

function withPaused(domain: string | undefined, paused: boolean, model: Model): Model {
  const running = domain === undefined ? undefined : model.host.domains[domain]?.running;
  return domain === undefined || running === undefined ? model : withRunning(model, domain, { ...running, paused });
}

export interface CompareLegs {
  readonly name: string;
  readonly bytes: number;
  /** `disk` of the first is the image file, `device` of the second the volume. */
  readonly from: Leg;
  readonly to: Leg;
  /** How long it may take: the guest waits. */
  readonly limitSeconds: number;
}

/** Blocks of the volume that are not as in the image are copied once more: the image is what the guest has read from. */
export const compareLegs: StepKind<"compare-legs", CompareLegs> = {
  kind: "compare-legs",
  risk: "safe",
  requires: ["dd", "cmp", "timeout", ...MAKERS_TOOLS],
  needs: ({ name }) => ["dd", "cmp", "timeout", ...toolsOf([name])],
  title: ({ from, to }) => `Compare ${from.disk} with ${to.disk}, byte for byte`,
  actions: (args) => [comparison(args)],
  goals: () => [],
  effect: ({ from, to }, model) => {
    const holds = model.ghost.disks[from.disk];
    return holds === undefined ? model : withDisk(withOverwritten(model, to.disk, "head"), to.disk, holds);
  },
};

/** @param from its `device` is what a mirror reads the image by */
export function comparison({ name, bytes, from, to, limitSeconds }: CompareLegs): Action {
  return {
    verb: ["compare_legs", name, from.disk, from.device, to.device, String(bytes), String(limitSeconds)],
    shown: `dd if=${to.device} iflag=direct | cmp - ${from.disk}, within ${String(limitSeconds)} s; of a MiB that differs, dd if=${from.disk} of=${to.device}`,
  };
}
