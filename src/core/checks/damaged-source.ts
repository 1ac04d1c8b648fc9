import type { Check } from "./check.js";

export const damagedSource: Check = {
  code: "damaged-source",
  about: "a file system that its kernel found errors in is repaired before it is copied",
  run: ({ moves }) =>
    moves
      .filter(({ image: { content } }) => "hasErrors" in content && content.hasErrors)
      .map(({ image, vdev, wish }) => ({
        vdev, at: wish.at, summary: `the file system in ${image.path} is marked as having errors`,
        fix: "Shut the guest down and repair it with e2fsck.",
      })),
};
