import { formatApart } from "../model/bytes.js";
import type { AttachedDisk } from "../model/domain.js";
import type { Leg } from "../model/goal.js";
import { safeName, volumePath } from "../model/names.js";
import { mappingAt } from "../model/mapping.js";
import { LONGEST_NODE_NAME, nodeName, servedFrom } from "../model/qemu.js";
import type { HostState } from "../model/host-state.js";
import { compareJob } from "../steps/compare-job.js";
import { awaitQemuMirror, closeNode, dropQemuMirror, qemuMirror } from "../steps/qemu-mirror.js";
import { stepOf } from "../steps/step-of.js";
import { asLarge } from "./against-blocks.js";
import { newVolumeSteps, unzeroedBy, zeroedBytes } from "./block-copy.js";
import { VERIFY_FULL, WHY_COMPARED, comparisonAtOnce, comparisonLimit } from "./compared.js";
import { exchangeBy, rateOf, tenths } from "./rates.js";
import { settleMove } from "./settle.js";
import type { DiskMove, Strategy } from "./strategy.js";
import { unrehearsed } from "./unrehearsed.js";
import { sameVdev } from "../xl/vdev.js";

/** QEMU's names of the formats that it serves here. */
const DRIVERS: Readonly<Record<string, string>> = { raw: "raw", qcow2: "qcow2", vpc: "vhd" };

const PIVOT = { seconds: 0.1, how: "a guess: it runs on, and its writes wait while QEMU goes over" };

/** The QEMU that serves a guest's disk copies it to the volume while the guest runs, and goes over to it: no restart. */
export const qemu: Strategy = {
  name: "qemu",
  about: "has the QEMU that serves the disk mirror it and go over to the volume: the guest never stops",
  named: true,
  auto: true,
  way: "pivot",
  carries: "blocks",
  shows: ["volume"],

  fits: (move, state) => {
    const reasons = [...unrehearsed(move), ...against(move, state)];
    if (reasons.length > 0) return { fits: false, reasons };
    return {
      fits: true, reasons: [`QEMU serves it from a ${move.change.image.format} image, and can go over to a volume while the guest runs`],
      ...asLarge(move.change),
    };
  },

  forecast: (move, state) => {
    const bytes = attachedOf(move, state)?.open?.bytes ?? 0;
    const { bytesPerSecond } = rateOf("qemu", move, state);
    return {
      copyBytes: bytes, seconds: tenths((bytes + zeroedBytes(move.change, bytes)) / bytesPerSecond), takeOvers: 0,
      held: [exchangeBy("qemu", "waiting for its disks", PIVOT, state)], paused: comparisonAtOnce("qemu", move, state),
    };
  },

  fragments: (move, state) => {
    const { change, options } = move;
    const { to, image, domain, vdev } = change;
    const open = attachedOf(move, state)?.open;
    if (open === undefined) throw new Error(`QEMU does not serve ${vdev} of ${domain}`);
    const id = (name: string): string => `${safeName(vdev)}.${name}`;
    const job = nodeName(vdev);
    const leg: Leg = { device: volumePath(to.volume), disk: to.volume };
    const compared = comparisonAtOnce("qemu", move, state);
    const speed = options.throttle?.bandwidthBytesPerSecond;
    const left = state.domains[domain]?.running?.qemu;
    const leftover = left?.jobs.some((found) => found.job === job) === true || left?.nodes.some(({ node }) => node === job) === true;
    return {
      prepare: [
        ...(leftover
          ? [stepOf(dropQemuMirror, "prepare", id("drop-mirror"), { domain, job, node: job }, "it would be in the way, and holds the volume open")]
          : []),
        ...newVolumeSteps(move, open.bytes),
      ],
      checked: [], poised: [], atRest: [],
      pivot: {
        disk: {
          vdev, device: leg.device, job, image: image.path, backend: "qdisk", format: change.from.format,
        },
        bytes: open.bytes,
        sync: [
          stepOf(
            qemuMirror, "prepare", id("mirror"),
            { domain, vdev, source: open.node, node: job, job, bytes: open.bytes, to: leg, ...(speed === undefined ? {} : { speed }) },
            "it is carried while the guest runs",
          ),
          stepOf(
            awaitQemuMirror, "prepare", id("sync"), { domain, job, to: leg, from: image.path, content: image.content },
            "from here on only what the guest writes is copied",
          ),
        ],
        ...(compared.length === 0
          ? {}
          : {
              compare: stepOf(
                compareJob, "switch", id("compare"),
                { domain, job, bytes: open.bytes, image: image.path, to: leg, limitSeconds: comparisonLimit(compared, move) },
                WHY_COMPARED,
              ),
            }),
        release: [
          stepOf(closeNode, "settle", id("close-image"), { domain, node: open.node, path: image.path }, "QEMU needs it no more"),
        ],
      },
      settle: settleMove(move, unzeroedBy(change, open.bytes)),
    };
  },
};

function attachedOf({ change: { domain, vdev } }: DiskMove, state: HostState): AttachedDisk | undefined {
  return state.domains[domain]?.running?.attached.find((disk) => sameVdev(disk.vdev, vdev));
}

function against(move: DiskMove, state: HostState): readonly string[] {
  const { image, to, from, wish, vdev } = move.change;
  const running = state.domains[move.change.domain]?.running;
  if (running === undefined) return ["the guest is down, and QEMU runs only while it does: start it first"];
  const attached = attachedOf(move, state);
  if (attached === undefined) return [`the guest runs without ${vdev}`];
  if (attached.backend !== "qdisk") return ["it is served by the kernel (blkback), not by QEMU (backendtype=qdisk)"];
  if (state.tools["python3"]?.present === false) return ["python3 is missing on the host, by which QEMU is spoken to"];
  const { open } = attached;
  if (open === undefined || running.qemu === undefined) return ["the guest's QEMU did not say what it has open (QMP)"];
  const reasons: string[] = [];
  const form = DRIVERS[open.driver];
  if (form === undefined) reasons.push(`QEMU serves it as ${open.driver}, which is not known here`);
  // a fixed VHD has its mark at the end, and looks like a raw image
  else if (form !== image.format && !(form === "vhd" && image.format === "raw")) {
    reasons.push(`QEMU serves it as ${form}, and it looks like ${image.format}`);
  }
  // what went by the config as it is now would not go by what the guest has
  else if (form !== from.format) reasons.push(`QEMU serves it as ${form}, and its config says ${from.format}`);
  if (move.options.verify === "full" && form !== undefined && form !== "raw") {
    reasons.push(`${VERIFY_FULL}, and a ${form} image is not compared: what the guest sees of it is known to QEMU alone`);
  }
  if (image.disk?.backed === true) reasons.push("a part of it lies in another file");
  if (image.disk?.encrypted === true) reasons.push("it is encrypted");
  if (running.qemu.nodes.filter(({ path, driver }) => path === image.path && driver === open.driver).length > 1) {
    reasons.push("QEMU has it open more than once: an emulated disk of the guest's uses it too");
  }
  if (running.storedByXl === true) {
    reasons.push("somebody stored a config with `xl config-update`, which the guest's own reboot would use: restart the guest first");
  }
  const mapped = running.attached.find((disk) => mappingAt(servedFrom(disk), state) !== undefined);
  if (mapped !== undefined) {
    reasons.push(`${mapped.vdev} is on a device that an earlier run mirrored it by, and that run's boot unit has to stay: restart the guest first`);
  }
  if (nodeName(vdev).length > LONGEST_NODE_NAME) reasons.push("its name is too long for a name in QEMU");
  if (open.bytes % 512 !== 0) reasons.push("its size is not in whole sectors of 512 bytes");
  if (to.bytes < open.bytes) {
    const [needed, asked] = formatApart(open.bytes, to.bytes);
    reasons.push(`blocks need a volume of at least ${needed}, and ${asked} is asked for`);
  }
  if (wish.filesystem !== undefined && image.format === "raw" && wish.filesystem !== image.content.type) {
    reasons.push(`it holds ${image.content.type} and ${wish.filesystem} is asked for: blocks go as they are`);
  }
  if (from.script !== undefined) reasons.push("its config names a block script");
  return reasons;
}
