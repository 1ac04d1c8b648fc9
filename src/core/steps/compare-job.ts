import type { Leg } from "../model/goal.js";
import type { StepKind } from "../model/step.js";
import { withDisk } from "../model/transform.js";
import { comparison } from "./compare-legs.js";
import { isAtWork, qmp, withJob } from "./qemu-mirror.js";

export interface CompareJob {
  readonly domain: string;
  readonly job: string;
  /** As the guest sees the disk. */
  readonly bytes: number;
  /** The raw image file that QEMU serves the disk from. */
  readonly image: string;
  readonly to: Leg;
  /** How long it may take: the guest waits. */
  readonly limitSeconds: number;
}

/**
 * Both sides of a mirror by QEMU, compared while the guest is paused. The job is completed first, which ends the copy: until
 * it is finalised, QEMU keeps everything from the disk (block/mirror.c: it is drained from there on), so that what is seen
 * is what the switch finds. Blocks of the volume that differ are copied once more: the image is what the guest has read.
 */
export const compareJob: StepKind<"compare-job", CompareJob> = {
  kind: "compare-job",
  risk: "safe",
  requires: ["python3", "xl", "dd", "cmp", "timeout"],
  title: ({ image, to }) => `Compare ${image} with ${to.disk}, byte for byte`,
  actions: ({ domain, job, bytes, image, to, limitSeconds }) => [
    { verb: ["complete_job", domain, job], shown: `QMP of ${domain}: ${qmp("job-complete", { id: job })} until pending` },
    comparison({ name: `qemu/${job}`, bytes, from: { device: image, disk: image }, to, limitSeconds }),
  ],
  goals: () => [],
  refuses: ({ domain, job }, model) => !isAtWork(model, domain, job),
  effect: ({ domain, job, image, to }, model) => {
    const holds = model.ghost.disks[image];
    const equal = holds === undefined ? model : withDisk(model, to.disk, holds);
    return withJob(equal, domain, job, "pending");
  },
};
