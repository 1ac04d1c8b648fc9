import type { Phase } from "./step.js";

/**
 * What the journal on the host tells, one JSON object a line. Every renderer subscribes to these and none steers.
 * `at` is seconds since the epoch by the host's clock, with fractions.
 */
export type RunEvent = { readonly at: number; readonly seq: number } & (
  | { readonly event: "begin"; readonly run: string; readonly domain: string; readonly digest: string; readonly owner: string }
  | { readonly event: "step"; readonly id: string; readonly kind: string; readonly phase: Phase; readonly title: string }
  | { readonly event: "skip"; readonly id: string; readonly why: string }
  | { readonly event: "done"; readonly id: string; readonly seconds: number }
  | { readonly event: "failed"; readonly id: string; readonly exit: number; readonly message: string; readonly tail: string }
  | { readonly event: "progress"; readonly id: string; readonly bytes: number; readonly percent: number; readonly rate: number; readonly left: number }
  | { readonly event: "watch"; readonly id: string; readonly what: string; readonly value: string; readonly acted: string }
  | { readonly event: "pass"; readonly id: string; readonly number: number; readonly seconds: number; readonly bytes: number; readonly forecast: number; readonly verdict: string }
  /** A volume stood still, and whoever writes to it: for no longer than this, since what is timed is the command that did it. */
  | { readonly event: "frozen"; readonly volume: string; readonly seconds: number }
  /** What was written to a disk while its blocks were copied beforehand, of how much: only that is mirrored. */
  | { readonly event: "delta"; readonly id: string; readonly bytes: number; readonly of: number }
  | { readonly event: "rehearsed"; readonly domain: string; readonly seconds: number; readonly by: string }
  /** The run waits for a time of day, which begins in `opens` seconds by the host's clock; `clock` is what that says. */
  | { readonly event: "waiting"; readonly id: string; readonly domain: string; readonly window: string; readonly opens: number; readonly clock: string }
  | { readonly event: "down"; readonly domain: string }
  | { readonly event: "commit"; readonly domain: string }
  | { readonly event: "ready"; readonly domain: string; readonly downtime: number }
  /** The guest is back without a step that waits for it, and so nobody has looked whether it answers. No downtime: nobody knows when it went. */
  | { readonly event: "back"; readonly domain: string; readonly how: HowBack; readonly downtime?: number }
  | { readonly event: "undo"; readonly id: string; readonly what: string }
  | { readonly event: "stopping"; readonly why: string }
  | { readonly event: "note"; readonly message: string }
  | { readonly event: "end"; readonly outcome: Outcome; readonly message: string }
);

/**
 * started: anew. restored: from its saved memory. resumed: it was let run. stayed: it was asked to go down, and did not.
 * found: it ran when it was looked at, so that its downtime is one at most.
 */
export type HowBack = "started" | "restored" | "resumed" | "stayed" | "found";

/**
 * done: all steps. failed: undone, the guest is on its old disk. refused: a gate held it back, undone. stopped: the
 * operator asked; undone, or after the commit, in a wait. stuck: after the commit; the guest is on its new disk and something is left to do.
 */
export type Outcome = "done" | "failed" | "refused" | "stopped" | "stuck";
