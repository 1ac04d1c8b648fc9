import { mappingName, mappingPath } from "../model/mapping.js";
import type { Leg } from "../model/goal.js";
import { safeName, volumePath } from "../model/names.js";
import { detachLoop } from "../steps/attach-loop.js";
import { createMapping } from "../steps/create-mapping.js";
import { dropMarks, markUsed } from "../steps/mark-used.js";
import { startMirror, syncMirror } from "../steps/mirror.js";
import { stepOf } from "../steps/step-of.js";
import { retireMapping, switchMapping } from "../steps/switch-mapping.js";
import { againstBlocks, asLarge } from "./against-blocks.js";
import { blockCopySteps, unzeroedBy, zeroedBytes } from "./block-copy.js";
import type { Blocks } from "./block-copy.js";
import { comparisonLimit, comparisonOf, compareStep } from "./compared.js";
import { rateOf, takeOversOf, tenths } from "./rates.js";
import { settleMove } from "./settle.js";
import { sitsElsewhere } from "./sits-elsewhere.js";
import type { DiskMove, Strategy } from "./strategy.js";
import { copiedOf, mapReading } from "./used-only.js";
import type { Copied } from "./used-only.js";
import { unrehearsed } from "./unrehearsed.js";

/**
 * The guest is taken onto a device-mapper name of converge's own, which lies on the image, then on a mirror of image
 * and volume, then on the volume alone. Only the first of these costs the guest anything.
 */
export const dm: Strategy = {
  name: "dm",
  about: "mirrors blocks by device-mapper while the guest runs: one restart, or none with `switch: suspend`",
  named: true,
  auto: true,
  way: "mapping",
  takesOver: true,
  carries: "blocks",
  shows: ["loop", "mapping", "volume"],

  fits: (move, state) => {
    const { image } = move.change;
    const reasons: string[] = [
      ...unrehearsed(move), ...sitsElsewhere(move, mappingName(move.change.domain, move.change.vdev), state), ...againstBlocks(move.change),
    ];
    if (image.bytes % 512 !== 0) reasons.push("its size is not in whole sectors of 512 bytes");
    if (state.modules["dm_mirror"] === "missing") reasons.push("the kernel has no module dm_mirror");
    if (reasons.length > 0) return { fits: false, reasons };
    return { fits: true, reasons: [`it is a raw image: its blocks can be mirrored, ${copiedOf(move, state).why}`], ...asLarge(move.change) };
  },

  forecast: (move, state) => {
    const copied = copiedOf(move, state);
    const { bytesPerSecond } = rateOf("dm", move, state);
    const zeroed = zeroedBytes(move.change, blocksOf(move, copied));
    return {
      copyBytes: copied.bytes, seconds: tenths((copied.bytes + zeroed) / bytesPerSecond),
      takeOvers: takeOversOf(move), held: mapReading(move, copied), paused: comparisonOf("dm", move, state),
    };
  },

  fragments: (move, state) => {
    const { change, paths, options, running } = move;
    const compared = comparisonOf("dm", move, state);
    const { to, image, domain, vdev } = change;
    const { bytes } = image;
    const bandwidth = options.throttle?.bandwidthBytesPerSecond;
    const id = (name: string): string => `${safeName(vdev)}.${name}`;
    const name = mappingName(domain, vdev);
    const from: Leg = { device: paths.link, disk: image.path };
    const leg: Leg = { device: volumePath(to.volume), disk: to.volume };
    const limit = bandwidth === undefined ? {} : { bytesPerSecond: bandwidth };
    const copied = copiedOf(move, state);
    const { marked } = copied;
    const blocks = blocksOf(move, copied);
    const start = stepOf(
      startMirror, marked === undefined ? "prepare" : "switch", id("start-mirror"),
      { domain, name, bytes, from, to: leg, ...(marked === undefined ? {} : { log: paths.marks }), ...limit },
      "both get every write from here on",
    );
    return {
      prepare: [
        ...blockCopySteps(move, name, blocks),
        stepOf(
          createMapping, "prepare", id("create-mapping"), { name, bytes, leg: from, volume: leg.device },
          "the guest's disk under a name that lets what is below change",
        ),
      ],
      checked: [], poised: [], atRest: [],
      mirror: {
        onto: mappingPath(name),
        link: paths.link,
        ...(marked === undefined
          ? {}
          : {
              begin: [
                stepOf(markUsed, "switch", id("mark-used"), { name, image: image.path, bytes, type: marked, link: paths.marks }, "what nobody uses need not be copied"),
                start,
              ],
            }),
        sync: [
          ...(marked === undefined ? [start] : []),
          stepOf(
            syncMirror, "prepare", id("sync"), { name, bytes, from, to: leg, content: image.content, ...(marked === undefined ? {} : { marked: true as const }), ...limit },
            "it is carried while the guest runs",
          ),
        ],
        ...(compared.length === 0
          ? {}
          : { compare: compareStep(id("compare"), { name, bytes, from, to: leg, limitSeconds: comparisonLimit(compared, move) }) }),
        cut: [
          stepOf(switchMapping, "switch", id("switch"), { domain, name, bytes, leg, running }, "the guest notices nothing"),
        ],
        release: [
          ...(marked === undefined ? [] : [stepOf(dropMarks, "settle", id("drop-marks"), { link: paths.marks }, "they served the mirror")]),
          stepOf(detachLoop, "settle", id("detach-image"), { link: paths.link }, "the image is released"),
        ],
        retire: [
          stepOf(retireMapping, "settle", id("retire-mapping"), { name }, "the guest's next start names the volume itself"),
        ],
      },
      settle: settleMove(move, unzeroedBy(change, blocks)),
    };
  },
};

/** A mirror that goes by marks leaves what is on the volume wherever there is none. */
function blocksOf({ change: { image } }: DiskMove, { marked }: Copied): Blocks {
  return marked === undefined ? image.bytes : "used";
}
