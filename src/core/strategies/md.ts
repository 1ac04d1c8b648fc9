import { formatBytes } from "../model/bytes.js";
import type { MoveDisk } from "../model/change.js";
import type { Leg } from "../model/goal.js";
import type { HostState } from "../model/host-state.js";
import { arrayName, mappingPath } from "../model/mapping.js";
import { safeName, volumePath } from "../model/names.js";
import { completeArray, growArray, syncArray } from "../steps/array-mirror.js";
import { detachLoop } from "../steps/attach-loop.js";
import { createArray } from "../steps/create-array.js";
import { cutArray, retireArray } from "../steps/cut-array.js";
import { stepOf } from "../steps/step-of.js";
import { blockCopySteps } from "./block-copy.js";
import { comparisonLimit, comparisonOf, compareStep } from "./compared.js";
import { rateOf, takeOversOf, tenths } from "./rates.js";
import { settleSteps } from "./settle.js";
import type { Strategy } from "./strategy.js";
import { unrehearsed } from "./unrehearsed.js";

/**
 * The guest is taken onto an md array without a superblock, which has the image as its one member, then image and
 * volume, then the volume alone. Its next switch takes it from there to the volume itself.
 */
export const md: Strategy = {
  name: "md",
  about: "mirrors blocks by md while the guest runs: a switch onto the array, and a second one from it to the volume",
  named: true,
  auto: false,
  way: "array",

  fits: (move, state) => {
    const reasons = [...unrehearsed(move), ...againstMd(move.change, state)];
    return reasons.length > 0 ? { fits: false, reasons } : { fits: true, reasons: ["it is a raw image: its blocks can be mirrored"] };
  },

  forecast: (move, state) => {
    const { bytes } = move.change.image;
    const { bytesPerSecond, freeBytesPerSecond } = rateOf("md", move, state);
    const zeroed = move.change.to.resumes ? 0 : move.change.to.bytes;
    return { copyBytes: bytes, seconds: tenths(bytes / bytesPerSecond + zeroed / freeBytesPerSecond), takeOvers: takeOversOf(move), held: [], paused: comparisonOf("md", move, state) };
  },

  fragments: (move, state) => {
    const { change, paths, options, running } = move;
    const { to, image, domain, vdev } = change;
    const { bytes } = image;
    const id = (name: string): string => `${safeName(vdev)}.${name}`;
    const name = arrayName(domain, vdev);
    const from: Leg = { device: paths.link, disk: image.path };
    const leg: Leg = { device: volumePath(to.volume), disk: to.volume };
    const bytesPerSecond = options.throttle?.bandwidthBytesPerSecond;
    const compared = comparisonOf("md", move, state);
    return {
      prepare: [
        ...blockCopySteps(move, name),
        stepOf(
          createArray, "prepare", id("create-array"), { name, bytes, leg: from, volume: leg.device },
          "the guest's disk on a device that can get a second member",
        ),
      ],
      checked: [], poised: [], atRest: [],
      mirror: {
        onto: mappingPath(name),
        link: paths.link,
        sync: [
          stepOf(
            growArray, "prepare", id("grow-array"),
            { domain, name, bytes, from, to: leg, ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }) },
            "both get every write from here on",
          ),
          stepOf(syncArray, "prepare", id("sync"), { name, bytes, from, to: leg }, "nearly all of it is carried while the guest runs"),
        ],
        complete: [
          stepOf(
            completeArray, "switch", id("complete"), { name, bytes, from, to: leg, content: image.content },
            "from here on md would leave behind whichever fails",
          ),
        ],
        ...(compared.length === 0 ? {} : { compare: compareStep(id("compare"), { name, bytes, from, to: leg, limitSeconds: comparisonLimit(compared, move) }) }),
        cut: [
          stepOf(cutArray, "switch", id("cut"), { domain, name, bytes, from, to: leg, running }, "the guest notices nothing"),
        ],
        release: [
          stepOf(detachLoop, "settle", id("detach-image"), { link: paths.link }, "the image is released"),
        ],
        retire: [
          stepOf(retireArray, "settle", id("retire-array"), { name }, "the guest's next start names the volume itself"),
        ],
      },
      settle: settleSteps({ domain, vdev, volume: to.volume, image: image.realPath, source: options.source }),
    };
  },
};

/** Signatures, as a disk's content names them, that udev's rules take up on an array as on a real disk. */
const STACKED = ["LVM physical volume", "member of an md array", "bcache device"];

/** Why a disk can not be mirrored by md here; empty where it can. */
export function againstMd({ image, to, wish }: MoveDisk, state: HostState): readonly string[] {
  const reasons: string[] = [];
  if (image.format !== "raw") reasons.push(`it is a ${image.format} image, which no loop device reads`);
  if (image.bytes % 1024 !== 0) reasons.push("its size is not in whole KiB, which md counts in");
  if (to.bytes < image.bytes) {
    reasons.push(`blocks need a volume of at least ${formatBytes(image.bytes)}, and ${formatBytes(to.bytes)} is asked for`);
  }
  if (wish.filesystem !== undefined && wish.filesystem !== image.content.type) {
    reasons.push(`it holds ${image.content.type} and ${wish.filesystem} is asked for: blocks go as they are`);
  }
  if (image.content.type === "partitions") {
    reasons.push("Dom0's kernel reads the partition table on an array, and its udev takes up the LVM or md in it (dm does not)");
  }
  const { hint = "" } = image.content.type === "unknown" ? image.content : {};
  const stacked = STACKED.find((name) => hint.includes(name));
  if (stacked !== undefined) reasons.push(`its content: ${stacked}; Dom0's udev takes that up on an array (not on dm)`);
  if (state.modules["raid1"] === "missing") reasons.push("the kernel has no module raid1");
  if (state.tools["mdadm"]?.present === false) reasons.push("mdadm is not installed");
  return reasons;
}
