import type { StepKind } from "../model/step.js";
import { withLoop, withoutLoop } from "../model/transform.js";
import type { MarkedType } from "../model/marks.js";
import { markedRegionSectors } from "../model/marks.js";

export interface MarkUsed {
  /** The mapping whose mirror goes by the marks. */
  readonly name: string;
  readonly image: string;
  readonly bytes: number;
  /** What is in it. */
  readonly type: MarkedType;
  /** Link to the loop device over the marks. */
  readonly link: string;
}

/**
 * Marks for a mirror what the image's file system or swap space uses, while nobody has it: the rest is not copied. Where the free map
 * turns out not to be trusted (not unmounted in order, or it disagrees with the superblock) everything is marked. Never
 * skipped: marks of an earlier time say nothing of what the guest has written since.
 */
export const markUsed: StepKind<"mark-used", MarkUsed> = {
  kind: "mark-used",
  risk: "safe",
  requires: ["losetup", "truncate", "dd", "dumpe2fs"],
  needs: ({ type }) => ["losetup", "truncate", type === "swap" ? "dd" : "dumpe2fs"],
  title: ({ image, type }) => `Mark what the ${type} in ${image} uses: only that is copied`,
  actions: ({ name, image, bytes, type, link }) => [
    {
      verb: ["mark_used", name, image, link, String(bytes), String(markedRegionSectors(bytes)), type],
      shown: `${type === "swap" ? `read the head of ${image}` : `dumpe2fs ${image}`}; write to ${bitsOf(link)} what of it is to be copied, which is all where it is not clean; losetup --find --show ${bitsOf(link)}`,
    },
  ],
  goals: () => [],
  temporary: true,
  effect: ({ link }, model) =>
    withLoop(model, { device: link, backing: bitsOf(link), inode: 0, devno: "", offset: 0, readOnly: false, deleted: false }),
  undo: ({ link }) => ({ when: [], actions: [drop(link)], effect: (model) => withoutLoop(model, link) }),
};

export interface DropMarks {
  readonly link: string;
}

export const dropMarks: StepKind<"drop-marks", DropMarks> = {
  kind: "drop-marks",
  risk: "safe",
  requires: ["losetup"],
  title: ({ link }) => `Detach ${link} and remove the marks`,
  actions: ({ link }) => [drop(link)],
  goals: ({ link }) => [{ goal: "loop-detached", link }],
  effect: ({ link }, model) => withoutLoop(model, link),
};

function drop(link: string): { readonly verb: readonly [string, ...string[]]; readonly shown: string } {
  return { verb: ["drop_marks", link], shown: `losetup --detach ${link}; rm -f ${bitsOf(link)}` };
}

function bitsOf(link: string): string {
  return `${link}.bits`;
}
