import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Model } from "../../src/core/model/model.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { aHost, aWish, MIB, sha256, swap } from "./a-host.js";

/** Hosts on which something is left from earlier moves. */

export const DAY = 24 * 60 * 60;
/** 2026-11-26. */
export const NOW = 1_795_651_200;
/** When the images were retired: eight weeks ago. */
export const RETIRED_AT = NOW - 56 * DAY;

/** The books say of each retired image which file it is, and when that was: the model leaves that open. */
export function withBooks(state: HostState, at = RETIRED_AT, now = NOW): HostState {
  const retired = (state.retired ?? []).map((one) => {
    const image = state.images[one.retired];
    return image === undefined ? one : { ...one, at, file: { inode: image.inode, bytes: image.bytes, mtime: image.mtime } };
  });
  return { ...state, retired, now };
}

/** A host whose guest was moved eight weeks ago, and whose images were retired. */
export function collected(move: MoveOptions = {}): HostState {
  const state = aHost([{ name: "web1", disks: { xvda1: { bytes: 512 * MIB }, xvda2: { bytes: 64 * MIB, content: swap("u", 64 * MIB) } } }]);
  return withBooks(movedAway(state, ["xvda1", "xvda2"], move).host);
}

/** The model after a move of these disks of web1. */
export function movedAway(state: HostState, disks: readonly string[], move: MoveOptions = {}): Model {
  const [plan] = planHost(state, [aWish("web1", disks, { source: "retire", ...move })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  const simulated = simulate(plan.nodes, startModel(state));
  if (!simulated.ok) throw new Error(simulated.why);
  return simulated.end;
}

/** With books of runs: two old ones, and the move, which is the last. */
export function oldRuns(state: HostState): HostState {
  return {
    ...state,
    runs: [{ run: "20261001T000000Z-000003", domain: "web1", digest: "d", state: "done", owner: "alice@laptop", since: RETIRED_AT }],
    commits: [{ domain: "web1", run: "20261001T000000Z-000003", at: RETIRED_AT, volumes: ["vg0/web1-xvda1", "vg0/web1-xvda2"] }],
    past: [
      { domain: "web1", run: "20260901T000000Z-000001", since: RETIRED_AT - 30 * DAY, bytes: 4096 },
      { domain: "web1", run: "20260902T000000Z-000002", since: RETIRED_AT - 29 * DAY, bytes: 8192 },
    ],
  };
}
