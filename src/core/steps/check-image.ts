import type { StepKind } from "../model/step.js";

export interface CheckImage {
  readonly path: string;
  readonly type: "ext2" | "ext3" | "ext4" | "xfs";
}

/** The file system in an image, looked at and not mended: one that is not clean is not switched to. */
export const checkImage: StepKind<"check-image", CheckImage> = {
  kind: "check-image",
  risk: "safe",
  requires: ["e2fsck", "xfs_repair"],
  needs: ({ type }) => [type === "xfs" ? "xfs_repair" : "e2fsck"],
  title: ({ path }) => `Check the file system in ${path}`,
  actions: ({ path, type }) => [{ command: type === "xfs" ? ["xfs_repair", "-n", "-f", path] : ["e2fsck", "-n", path] }],
  goals: () => [],
  effect: (_args, model) => model,
};
