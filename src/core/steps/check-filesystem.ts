import type { Command } from "../model/command.js";
import { volumePath } from "../model/names.js";
import type { StepKind } from "../model/step.js";

export interface CheckFilesystem {
  readonly volume: string;
  readonly type: "ext2" | "ext3" | "ext4" | "xfs";
  /**
   * Every structure, or of ext only what says whether it was left in order (e2fsck(8), `-f`), for which a guest can wait. Of xfs it
   * is every structure either way.
   */
  readonly thorough: boolean;
}

/** Looks, and mends nothing: a copy that is not clean is not switched to. */
export const checkFilesystem: StepKind<"check-filesystem", CheckFilesystem> = {
  kind: "check-filesystem",
  risk: "safe",
  requires: ["e2fsck", "xfs_repair"],
  needs: ({ type }) => [type === "xfs" ? "xfs_repair" : "e2fsck"],
  title: ({ volume, thorough }) => `Check the file system on ${volume}${thorough ? ", all of it" : ""}`,
  actions: ({ volume, type, thorough }) => {
    const device = volumePath(volume);
    const ext: Command = thorough ? ["e2fsck", "-f", "-n", device] : ["e2fsck", "-n", device];
    return [{ verb: ["check_copy", volume], command: type === "xfs" ? ["xfs_repair", "-n", device] : ext }];
  },
  goals: () => [],
  effect: (_args, model) => model,
};
