import { safeName } from "../model/names.js";
import type { Step } from "../model/step.js";
import { stepOf } from "../steps/step-of.js";
import type { Throttle } from "../steps/throttle.js";
import { priorityOf, zeroVolume } from "../steps/zero-volume.js";
import type { DiskMove } from "./strategy.js";

/** What is done beside a running guest stands back for it, unless the playbook says otherwise. */
export function throttleOf({ options, live }: DiskMove): Throttle {
  const asked = options.throttle ?? {};
  return {
    ...(live ? { nice: asked.nice ?? 19, ionice: asked.ionice ?? "idle" } : {}),
    ...(asked.nice === undefined ? {} : { nice: asked.nice }),
    ...(asked.ionice === undefined ? {} : { ionice: asked.ionice }),
    ...(asked.bandwidthBytesPerSecond === undefined ? {} : { bandwidthBytesPerSecond: asked.bandwidthBytesPerSecond }),
  };
}

/** For a file system, or a swap space, that is made anew on it: all of it, for nobody copies over what files leave out. */
export function zeroStep(move: DiskMove): Step {
  const { to: { volume, bytes, unzeroed }, vdev } = move.change;
  return stepOf(
    zeroVolume, "prepare", `${safeName(vdev)}.zero-volume`,
    { volume, bytes, fill: "files", ...(unzeroed === undefined ? {} : { unzeroed }), priority: priorityOf(throttleOf(move)) },
    "nothing of an older guest may be left on it",
  );
}
