import { formatBytes } from "../model/bytes.js";
import { FILLS, unzeroedTag, volumePath, withoutFills } from "../model/names.js";
import type { Fill } from "../model/names.js";
import { withOverwritten } from "../model/recycled.js";
import { withDisk, withVolume } from "../model/transform.js";
import type { Action, StepKind } from "../model/step.js";
import { THROTTLE_TOOLS, throttled, throttleTools } from "./throttle.js";
import type { Throttle } from "./throttle.js";

export interface ZeroVolume {
  readonly volume: string;
  /** All of it. */
  readonly bytes: number;
  /** What it is to be filled with from here on. */
  readonly fill: Fill;
  /** So many of its first bytes are not zeroed: before anybody gets to see them, every one of them is copied over. */
  readonly copied?: number;
  /** What an earlier run had left out in the same way. */
  readonly unzeroed?: number;
  readonly priority: Priority;
}

/** Whose turn it is. A bandwidth is for what is copied: most devices zero by themselves, and a large volume would take for ever by it. */
export type Priority = Pick<Throttle, "nice" | "ionice">;

/** What a throttle says of whose turn it is. */
export function priorityOf({ nice, ionice }: Throttle): Priority {
  return { ...(nice === undefined ? {} : { nice }), ...(ionice === undefined ? {} : { ionice }) };
}

/**
 * Zeroes a volume of ours: extents that LVM hands out again held an older, bootable guest once (seen), and what
 * another guest wrote must not be readable in this one. `blkdiscard --zeroout` lets the device do it where it can. What an
 * earlier run began to fill in another way goes too: half an image's blocks have its superblock, and look like a whole
 * file system (seen, after a power cut in mid-mirror). Where all blocks of an image are copied, only what lies behind them is
 * zeroed; the tag says so, for whoever goes on with the copy and means to copy less.
 */
export const zeroVolume: StepKind<"zero-volume", ZeroVolume> = {
  kind: "zero-volume",
  risk: "safe",
  requires: ["blkdiscard", "lvchange", ...THROTTLE_TOOLS],
  needs: ({ priority }) => ["blkdiscard", "lvchange", ...throttleTools(priority)],
  title: (args) => {
    const { volume, copied } = args;
    if (copied === undefined) return `Zero ${volume}`;
    return rangeOf(args).length === 0
      ? `Mark ${volume}: all of it is to be copied over`
      : `Zero what of ${volume} lies behind the ${formatBytes(copied)} that are to be copied over`;
  },
  actions: (args) => [
    ...(rangeOf(args).length === 0 ? [] : [zeroing(args)]),
    { command: ["lvchange", ...marksOf(args).flatMap((tag) => ["--deltag", tag]), "--addtag", markOf(args), args.volume] },
  ],
  goals: (args) => [{ goal: "volume-tagged", volume: args.volume, tags: [markOf(args)] }],
  effect: (args, model) => {
    const { volume, copied } = args;
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    const tags = [...withoutFills(found.tags), markOf(args)];
    const marked = withVolume(model, { ...found, tags, ...(copied === undefined ? { content: { type: "blank" } } : {}) });
    const zeroed = copied === undefined ? withOverwritten(marked, volume, "head", "tail") : withOverwritten(marked, volume, "tail");
    return withDisk(zeroed, volume, { writes: -1, deceptive: false, consistent: false });
  },
};

/** Whole blocks of any device: a little of what is copied over is zeroed as well. */
const BLOCK = 4096;

function rangeOf({ bytes, copied = 0 }: ZeroVolume): { readonly from: number; readonly length: number } {
  const from = Math.min(bytes, copied - (copied % BLOCK));
  return { from, length: bytes - from };
}

function zeroing(args: ZeroVolume): Action {
  const { volume, priority } = args;
  const { from, length } = rangeOf(args);
  const device = volumePath(volume);
  const command = throttled(priority, ["blkdiscard", "--zeroout"]);
  return {
    verb: ["zero", device, String(from), String(length), ...command],
    shown: `${[...command, "--offset", String(from), "--length", String(length), device].join(" ")}, in stretches of 256 MiB at least`,
  };
}

/** The tag that says how far it can be gone on with. */
function markOf({ fill, copied }: ZeroVolume): string {
  return copied === undefined ? FILLS[fill] : unzeroedTag(copied);
}

/** Those that said so before. */
function marksOf(args: ZeroVolume): readonly string[] {
  const all = [...Object.values(FILLS), ...(args.unzeroed === undefined ? [] : [unzeroedTag(args.unzeroed)])];
  return all.filter((tag) => tag !== markOf(args));
}
