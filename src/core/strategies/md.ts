import type { HostState } from "../model/host-state.js";
import { arrayName } from "../model/mapping.js";
import { completeArray, growArray, syncArray } from "../steps/array-mirror.js";
import { createArray } from "../steps/create-array.js";
import { cutArray, retireArray } from "../steps/cut-array.js";
import { againstBlocks, asLarge, takenUp } from "./against-blocks.js";
import { comparisonOf } from "./compared.js";
import { sitsElsewhere } from "./sits-elsewhere.js";
import type { DiskMove, Fit, Strategy } from "./strategy.js";
import { forecastOfBlocks, mirroredBy } from "./two-switches.js";
import type { MirrorKinds } from "./two-switches.js";
import { unrehearsed } from "./unrehearsed.js";

/**
 * The guest is taken onto an md array without a superblock, which has the image as its one member, then image and
 * volume, then the volume alone. Its next switch takes it from there to the volume itself.
 */
export const md: Strategy = {
  name: "md",
  about: "mirrors blocks by md while the guest runs: a switch onto the array, and a second one from it to the volume",
  named: true,
  // a second switch takes the guest off its array, and where the image fails in mid-mirror dm bears more
  auto: "last",
  way: "array",
  takesOver: true,
  carries: "blocks",
  shows: ["loop", "volume"],
  failsOnFull: "md",

  fits: (move, state) => {
    const reasons = [...unrehearsed(move), ...againstMd(move, state)];
    if (reasons.length > 0) return { fits: false, reasons };
    return { fits: true, reasons: ["it is a raw image: its blocks can be mirrored"], ...asLarge(move.change), ...holes(move) };
  },

  forecast: (move, state) => ({ ...forecastOfBlocks("md", move, state), paused: comparisonOf("md", move, state) }),

  fragments: (move, state) => mirroredBy(mdKinds, arrayName(move.change.domain, move.change.vdev), move, comparisonOf("md", move, state)),
};

/** The kinds of step by which md mirrors all of a disk. */
export const mdKinds: MirrorKinds = {
  create: createArray, mirror: growArray, sync: syncArray, complete: completeArray, cut: cutArray, retire: retireArray,
  last: "from here on md would leave behind whichever fails",
};

/** The check `sparse-image` refuses it then, and says what can be done: to be picked for want of a better one it is no way. */
export function holes({ change: { image }, running }: DiskMove): Pick<Fit, "lacks"> {
  return running && image.allocatedBytes < image.bytes ? { lacks: ["its image is sparse, and md fails a guest's writes for good after one that finds no room"] } : {};
}

/** Why a disk can not be mirrored by md here; empty where it can. */
export function againstMd(move: DiskMove, state: HostState): readonly string[] {
  const { change } = move;
  const { image } = change;
  const reasons: string[] = [...sitsElsewhere(move, arrayName(change.domain, change.vdev), state), ...againstBlocks(change)];
  if (image.bytes % 1024 !== 0) reasons.push("its size is not in whole KiB, which md counts in");
  if (image.content.type === "partitions" || image.partitioned === true) {
    reasons.push("Dom0's kernel reads the partition table on an array, and its udev takes up the LVM or md in it (dm does not)");
  }
  const stacked = takenUp(change);
  if (stacked !== undefined) reasons.push(`its content: ${stacked}; Dom0's udev takes that up on an array (not on dm)`);
  if (state.modules["raid1"] === "missing") reasons.push("the kernel has no module raid1");
  if (state.tools["mdadm"]?.present === false) reasons.push("mdadm is not installed");
  return reasons;
}
