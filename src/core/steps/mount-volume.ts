import { quoteCommand } from "../model/command.js";
import type { StepKind } from "../model/step.js";
import { withMount, withoutMount } from "../model/transform.js";

export interface MountVolume {
  /** Block device, or a link of ours to one. */
  readonly source: string;
  /** A directory under converge's own run directory. */
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Mounts in a directory of converge's own that only root can enter; nothing on it can run or be a device. */
export const mountVolume: StepKind<"mount-volume", MountVolume> = {
  kind: "mount-volume",
  risk: "safe",
  requires: ["mount", "umount"],
  title: ({ source, target }) => `Mount ${source} on ${target}`,
  actions: ({ source, target, type, options }) => [
    {
      verb: ["mount_at", target],
      command: ["mount", "-t", type, "-o", ["nosuid", "nodev", "noexec", ...options].join(","), source, target],
    },
  ],
  goals: ({ source, target }) => [{ goal: "mounted", target, source }],
  effect: ({ source, target, type, options }, model) =>
    withMount(model, { target, source, type, options: options.join(","), devno: `of:${source}`, root: "/" }),
  undo: ({ source, target }) => ({
    when: [{ goal: "mounted", target, source }],
    actions: [{ verb: ["unmount", target], shown: quoteCommand(["umount", target]) }],
    effect: (model) => withoutMount(model, target),
  }),
};

export interface Unmount {
  readonly target: string;
}

export const unmount: StepKind<"unmount", Unmount> = {
  kind: "unmount",
  risk: "safe",
  requires: ["umount"],
  title: ({ target }) => `Unmount ${target}`,
  actions: ({ target }) => [{ verb: ["unmount", target], shown: quoteCommand(["umount", target]) }],
  goals: ({ target }) => [{ goal: "unmounted", target }],
  effect: ({ target }, model) => withoutMount(model, target),
};
