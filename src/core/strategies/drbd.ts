import { formatBytes } from "../model/bytes.js";
import type { MoveDisk } from "../model/change.js";
import type { HostState } from "../model/host-state.js";
import { resourceName } from "../model/mapping.js";
import { createResource } from "../steps/create-resource.js";
import { cutResource, retireResource } from "../steps/cut-resource.js";
import { completeResource, connectResource, syncResource } from "../steps/resource-mirror.js";
import { againstBlocks, asLarge, takenUp } from "./against-blocks.js";
import { comparisonOf } from "./compared.js";
import { exchangeBy } from "./rates.js";
import { sitsElsewhere } from "./sits-elsewhere.js";
import type { DiskMove, ForecastPart, Strategy } from "./strategy.js";
import { forecastOfBlocks, mirroredBy } from "./two-switches.js";
import { unrehearsed } from "./unrehearsed.js";

/**
 * The guest is taken onto a DRBD device over its image; a second resource on the same host, at the other end of a
 * connection through the loopback interface, has the volume, and takes the place of the image when both are equal. The
 * guest's next switch takes it from there to the volume itself.
 */
export const drbd: Strategy = {
  name: "drbd",
  about: "mirrors blocks by DRBD, to itself on the same host, while the guest runs: two switches, as with `md`",
  named: true,
  auto: false,
  way: "resource",
  takesOver: true,
  carries: "blocks",
  shows: ["loop", "volume"],

  fits: (move, state) => {
    const reasons = [
      ...unrehearsed(move),
      ...sitsElsewhere(move, resourceName(move.change.domain, move.change.vdev), state),
      ...againstDrbd(move.change, state),
    ];
    return reasons.length > 0 ? { fits: false, reasons } : { fits: true, reasons: ["it is a raw image: its blocks can be mirrored"], ...asLarge(move.change) };
  },

  forecast: (move, state) => ({
    ...forecastOfBlocks("drbd", move, state), paused: [...comparisonOf("drbd", move, state), ...exchangeOf(move, state)],
  }),

  fragments: (move, state) => mirroredBy(
    {
      create: createResource, mirror: connectResource, sync: syncResource, complete: completeResource, cut: cutResource,
      retire: retireResource, last: "from here on DRBD would leave behind whichever fails",
    },
    resourceName(move.change.domain, move.change.vdev), move, comparisonOf("drbd", move, state),
  ),
};

/** While the volume takes the image's place below the device, the guest is paused. */
const EXCHANGE = { seconds: 3, how: "a guess: until its disk is at rest, and six commands" };

function exchangeOf({ running, mapped, switchOver }: DiskMove, state: HostState): readonly ForecastPart[] {
  if (!running || (!mapped && switchOver === "next-reboot")) return [];
  return [exchangeBy("drbd", "volume in place of image", EXCHANGE, state)];
}

/** Why a disk can not be mirrored by DRBD here; empty where it can. */
function againstDrbd(change: MoveDisk, state: HostState): readonly string[] {
  const { image } = change;
  const reasons: string[] = [...againstBlocks(change)];
  // seen: with the image failing in mid-copy, a write that only the unfinished copy had got was acknowledged
  if (image.allocatedBytes < image.bytes) {
    reasons.push(
      `its image is sparse (${formatBytes(image.allocatedBytes)} of ${formatBytes(image.bytes)}): where its file system fills up, ` +
      "DRBD would acknowledge a write that the image did not take (fill the holes with `fallocate --length SIZE IMAGE`, or take dm)",
    );
  }
  if (image.bytes % 4096 !== 0) reasons.push("its size is not in whole blocks of 4 KiB, which DRBD counts in");
  const stacked = takenUp(change);
  if (stacked !== undefined) reasons.push(`its content: ${stacked}; Dom0's udev takes that up on a DRBD device (not on dm)`);
  if (state.modules["drbd"] === "missing") reasons.push("the kernel has no module drbd");
  else if (state.drbd !== undefined && !state.drbd.startsWith("8.4.")) reasons.push(`the kernel's DRBD is ${state.drbd}, and this is made for 8.4`);
  if (state.tools["drbdsetup"]?.present === false) reasons.push("drbdsetup is not installed (Debian's package drbd-utils)");
  return reasons;
}
