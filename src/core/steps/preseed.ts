import type { Command } from "../model/command.js";
import { withBlockCopy } from "../model/bitmap.js";
import { formatBytes } from "../model/bytes.js";
import { booksDirectory } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import type { Legs } from "./legs.js";
import { THROTTLE_TOOLS, throttled, throttleTools } from "./throttle.js";
import type { Throttle } from "./throttle.js";

export interface Preseed extends Legs {
  readonly domain: string;
  readonly throttle: Throttle;
}

/**
 * All blocks of the image to the volume while the guest runs on the array: what it writes meanwhile the array's bitmap
 * names. Read from the loop device that the array lies on, past its cache, which knows nothing of what the array writes. A
 * copy that an earlier run began is gone on with where array, bitmap, volume and guest have been the same all the while.
 */
export const preseed: StepKind<"preseed", Preseed> = {
  kind: "preseed",
  risk: "safe",
  requires: ["dd", ...THROTTLE_TOOLS],
  needs: ({ throttle }) => ["dd", ...throttleTools(throttle)],
  title: ({ from, to, throttle: { bandwidthBytesPerSecond: most } }) =>
    `Copy all blocks of ${from.disk} to ${to.disk} while the guest writes${most === undefined ? "" : `, at most ${formatBytes(most)}/s`}`,
  actions: ({ domain, name, bytes, from, to, throttle }) => [
    {
      verb: [
        "preseed", name, from.device, to.device, String(bytes), String(Math.round(throttle.bandwidthBytesPerSecond ?? 0)), from.disk,
      ],
      command: copyCommand(from.device, to.device, throttle),
      also: `in stretches, by skip=, seek= and count=; how far it is goes into ${booksDirectory(domain)}/${name.slice(name.indexOf("/") + 1)}.copied`,
    },
  ],
  goals: () => [],
  effect: ({ domain, name, from, to }, model) =>
    withBlockCopy(model, { name, image: from.disk, volume: to.disk, domid: model.host.domains[domain]?.running?.domid }),
};

/** What the runtime runs for each stretch, with `skip`, `seek` and `count` behind it. */
function copyCommand(from: string, to: string, throttle: Throttle): Command {
  return throttled(throttle, ["dd", `if=${from}`, `of=${to}`, "bs=1M", "iflag=direct", "oflag=direct", "conv=notrunc,fsync", "status=none"]);
}
