import type { Command } from "../model/command.js";
import { withBitmap } from "../model/bitmap.js";
import type { Leg } from "../model/goal.js";
import { dropped, mappingPath, sectorsOf } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import { withMapping } from "../model/transform.js";
import type { CreateArray } from "./create-array.js";
import { traitsOf } from "./makers.js";

/** Bytes that a bit of the bitmap stands for: what md copies again where a byte of them was written. */
export const CHUNK_BYTES = 64 * 1024;

export interface TrackArray extends CreateArray {
  /** The file of the write-intent bitmap, in converge's books: on the root file system, and nobody's but root's. */
  readonly bitmap: string;
}

/**
 * An md array of two places, of which the image takes one and the other is empty, with a bitmap from its first moment: md
 * notes there what only the image gets (md(4), BITMAP WRITE-INTENT LOGGING). The volume is not in it yet, so that a guest
 * is never on an array that takes an unfilled volume for a good one.
 */
export const trackArray: StepKind<"track-array", TrackArray> = {
  kind: "track-array",
  risk: "safe",
  requires: ["mdadm"],
  modules: ["raid1"],
  title: ({ name, leg }) => `Build the array ${mappingPath(name)} on ${leg.disk}, with a bitmap of what is written from now on`,
  actions: ({ name, leg, bitmap }) => [{
    verb: ["build_tracked", name], command: buildCommand(name, leg, bitmap),
    also: `first, of an earlier run: ${traitsOf(name).end.shown(name)}; rm -f ${bitmap} ${bitmap.replace(/[.]bitmap$/, ".copied")}`,
  }],
  goals: ({ name, leg }) => [{ goal: "array-tracked", name, leg }],
  effect: ({ name, bytes, leg }, model) =>
    withBitmap(withMapping(model, { name, bytes, open: false, bitmap: true, table: { kind: "linear", on: leg.disk } }), name, leg.disk),
  // a guest that runs on it goes on doing so, and what it writes is noted
  undo: ({ name, bytes, leg, volume }) => ({
    when: [],
    actions: [
      {
        verb: ["drop_device", name, String(sectorsOf(bytes)), leg.disk, volume],
        shown: `mdadm --stop ${mappingPath(name)}, and its bitmap removed, unless the guest has it`,
      },
    ],
    effect: (model) => dropped({ name, bytes, image: leg.disk, volume }, model),
  }),
};

function buildCommand(name: string, leg: Leg, bitmap: string): Command {
  return [
    "mdadm", "--build", mappingPath(name), "--level=1", "--raid-devices=2", "--assume-clean",
    `--bitmap=${bitmap}`, `--bitmap-chunk=${String(CHUNK_BYTES / 1024)}K`, leg.device, "missing",
  ];
}
