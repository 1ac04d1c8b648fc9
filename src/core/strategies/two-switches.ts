import type { HostState } from "../model/host-state.js";
import { mappingPath } from "../model/mapping.js";
import { safeName, volumePath } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import type { CompleteArray, GrowArray } from "../steps/array-mirror.js";
import { detachLoop } from "../steps/attach-loop.js";
import type { CreateArray } from "../steps/create-array.js";
import type { CutArray, RetireArray } from "../steps/cut-array.js";
import type { Legs } from "../steps/legs.js";
import { stepOf } from "../steps/step-of.js";
import { blockCopySteps, unzeroedBy, zeroedBytes } from "./block-copy.js";
import { compareStep, comparisonLimit } from "./compared.js";
import { rateOf, takeOversOf, tenths } from "./rates.js";
import { settleMove } from "./settle.js";
import type { DiskForecast, DiskMove, ForecastPart, Fragments, MirrorFragments } from "./strategy.js";

/** The kinds of step of a mirror whose device stays the guest's disk until its next switch. */
export interface MirrorKinds extends KeptKinds {
  readonly create: StepKind<string, CreateArray>;
}

/** The same without that which makes the device. */
export interface KeptKinds {
  readonly mirror: StepKind<string, GrowArray>;
  readonly sync: StepKind<string, Legs & { readonly bytesPerSecond?: number }>;
  readonly complete: StepKind<string, CompleteArray>;
  readonly cut: StepKind<string, CutArray>;
  readonly retire: StepKind<string, RetireArray>;
  /** Why the last of it is copied by itself. */
  readonly last: string;
}

/**
 * What md and DRBD have in common: the guest is taken onto a device that lies on its image, then on image and volume, then on
 * the volume alone, and a second switch takes it from there to the volume itself.
 * @param compared what it takes to compare both at rest, where that is to be done
 */
export function mirroredBy(kinds: MirrorKinds, name: string, move: DiskMove, compared: readonly ForecastPart[] = []): Fragments {
  const { bytes, from, to } = legsOf(move);
  return {
    ...keptMirror(kinds, name, move, compared),
    prepare: [
      ...blockCopySteps(move, name, bytes),
      stepOf(
        kinds.create, "prepare", `${safeName(move.change.vdev)}.${kinds.create.kind}`, { name, bytes, leg: from, volume: to.device },
        "the guest's disk on a device that can get a second one below it",
      ),
    ],
  };
}

/** The image by the loop device over it, and the volume. */
export function legsOf({ change: { image, to: { volume } }, paths }: DiskMove): Pick<Legs, "bytes" | "from" | "to"> {
  return { bytes: image.bytes, from: { device: paths.link, disk: image.path }, to: { device: volumePath(volume), disk: volume } };
}

/** The same from where the device is there, and lies on the image. */
export function keptMirror(
  kinds: KeptKinds, name: string, move: DiskMove, compared: readonly ForecastPart[] = [],
): Omit<Fragments, "prepare" | "mirror"> & { readonly mirror: MirrorFragments } {
  const { change, paths, options, running } = move;
  const { image, domain, vdev } = change;
  const { bytes, from, to } = legsOf(move);
  const id = (kind: { readonly kind: string }): string => `${safeName(vdev)}.${kind.kind}`;
  const bandwidth = options.throttle?.bandwidthBytesPerSecond;
  const throttle = bandwidth === undefined ? {} : { bytesPerSecond: bandwidth };
  const legs = { name, bytes, from, to };
  return {
    checked: [], poised: [], atRest: [],
    mirror: {
      onto: mappingPath(name),
      link: paths.link,
      sync: [
        stepOf(kinds.mirror, "prepare", id(kinds.mirror), { domain, ...legs, ...throttle }, "both get every write from here on"),
        stepOf(kinds.sync, "prepare", `${safeName(vdev)}.sync`, { ...legs, ...throttle }, "nearly all of it is carried while the guest runs"),
      ],
      complete: [
        stepOf(kinds.complete, "switch", `${safeName(vdev)}.complete`, { ...legs, content: image.content }, kinds.last),
      ],
      ...(compared.length === 0
        ? {}
        : { compare: compareStep(`${safeName(vdev)}.compare`, { ...legs, limitSeconds: comparisonLimit(compared, move) }) }),
      cut: [stepOf(kinds.cut, "switch", `${safeName(vdev)}.cut`, { domain, ...legs, running }, "the guest notices nothing")],
      release: [stepOf(detachLoop, "settle", `${safeName(vdev)}.detach-image`, { link: paths.link }, "the image is released")],
      retire: [stepOf(kinds.retire, "settle", id(kinds.retire), { name }, "the guest's next start names the volume itself")],
    },
    settle: settleMove(move, unzeroedBy(change, bytes)),
  };
}

/** @param strategy its name, by which past runs are told */
export function forecastOfBlocks(strategy: string, move: DiskMove, state: HostState): DiskForecast {
  const { bytes } = move.change.image;
  const { bytesPerSecond } = rateOf(strategy, move, state);
  return { copyBytes: bytes, seconds: tenths((bytes + zeroedBytes(move.change, bytes)) / bytesPerSecond), takeOvers: takeOversOf(move), held: [] };
}
