import type { StepKind } from "../model/step.js";
import { withMount, withoutMount } from "../model/transform.js";

export interface MountMemory {
  readonly target: string;
  readonly bytes: number;
}

const SOURCE = "converge-memory";

/** Room for a suspended guest's memory in Dom0's own: nothing is faster, and a private mount keeps it from other eyes. */
export const mountMemory: StepKind<"mount-memory", MountMemory> = {
  kind: "mount-memory",
  risk: "safe",
  requires: ["mount", "umount"],
  title: ({ target, bytes }) => `Set ${Math.ceil(bytes / 1024 ** 2)} MiB of Dom0's memory aside on ${target}`,
  actions: ({ target, bytes }) => [
    {
      verb: ["mount_at", target],
      command: ["mount", "-t", "tmpfs", "-o", `size=${bytes},mode=0700,nosuid,nodev,noexec`, SOURCE, target],
    },
  ],
  goals: ({ target }) => [{ goal: "mounted", target, source: SOURCE }],
  effect: ({ target }, model) =>
    withMount(model, { target, source: SOURCE, type: "tmpfs", options: "rw", devno: "0:0", root: "/" }),
  undo: ({ target }) => ({
    when: [{ goal: "mounted", target, source: SOURCE }],
    actions: [{ verb: ["unmount", target], shown: `umount ${target}` }],
    effect: (model) => withoutMount(model, target),
  }),
};
