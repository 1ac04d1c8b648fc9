import type { Content } from "./storage.js";

/**
 * What a step brings about, as predicates from a closed set. One statement gives both verdicts: the one in the
 * model (goals/verdict.ts) and the probe on the host (a function of the runtime of the same name).
 */
export type Goal =
  | { readonly goal: "volume-exists"; readonly volume: string; readonly bytes: number; readonly tags: readonly string[] }
  | { readonly goal: "volume-tagged"; readonly volume: string; readonly tags: readonly string[] }
  | { readonly goal: "snapshot-exists"; readonly volume: string; readonly origin: string; readonly tags: readonly string[] }
  | { readonly goal: "volume-absent"; readonly volume: string; readonly tags: readonly string[] }
  | { readonly goal: "content"; readonly volume: string; readonly type: Content["type"]; readonly uuid: string }
  | { readonly goal: "mounted"; readonly target: string; readonly source: string }
  | { readonly goal: "unmounted"; readonly target: string }
  | { readonly goal: "loop-attached"; readonly link: string; readonly file: string }
  | { readonly goal: "loop-detached"; readonly link: string }
  | { readonly goal: "mapping"; readonly name: string; readonly leg: Leg }
  | { readonly goal: "mirrored"; readonly name: string; readonly from: Leg; readonly to: Leg }
  | { readonly goal: "mirror-in-sync"; readonly name: string }
  /** No guest has it, was saved on it, or comes up on it by a reboot of its own. */
  | { readonly goal: "mapping-unused"; readonly name: string }
  | { readonly goal: "array"; readonly name: string; readonly leg: Leg }
  /** As `array`, and with the write-intent bitmap that it was built with. */
  | { readonly goal: "array-tracked"; readonly name: string; readonly leg: Leg }
  | { readonly goal: "array-mirrored"; readonly name: string; readonly from: Leg; readonly to: Leg }
  | { readonly goal: "array-in-sync"; readonly name: string; readonly leg: Leg }
  | { readonly goal: "resource"; readonly name: string; readonly leg: Leg }
  | { readonly goal: "resource-mirrored"; readonly name: string; readonly from: Leg; readonly to: Leg }
  | { readonly goal: "resource-in-sync"; readonly name: string; readonly leg: Leg }
  | { readonly goal: "stored"; readonly domain: string; readonly file: string; readonly disks: readonly AttachedGoal[] }
  | { readonly goal: "config"; readonly path: string; readonly sha256: string; readonly before: string }
  | { readonly goal: "domain-running"; readonly domain: string }
  | { readonly goal: "domain-paused"; readonly domain: string }
  | { readonly goal: "domain-down"; readonly domain: string }
  | { readonly goal: "attached"; readonly domain: string; readonly disks: readonly AttachedGoal[] }
  /** A block job of the guest's QEMU is there; or its copy has caught up with the disk. */
  | { readonly goal: "block-job"; readonly domain: string; readonly job: string; readonly at: "made" | "ready" }
  /** The guest's QEMU serves these disks from these devices, and libxl has them stored. */
  | { readonly goal: "on-volumes"; readonly domain: string; readonly disks: readonly AttachedGoal[] }
  /** The guest's QEMU does not have the file open any more. */
  | { readonly goal: "let-go"; readonly domain: string; readonly path: string }
  | { readonly goal: "boot-unit"; readonly domain: string }
  | { readonly goal: "boot-unit-absent"; readonly domain: string }
  | { readonly goal: "file-exists"; readonly path: string }
  | { readonly goal: "file-absent"; readonly path: string };

/** What a mapping lies on: the device by which the host knows it, and the disk that it is. */
export interface Leg {
  readonly device: string;
  /** Image by path, or `vg/lv`. */
  readonly disk: string;
}

export interface AttachedGoal {
  readonly vdev: string;
  /** Path of the block device or file that must be behind it. */
  readonly target: string;
}

/** done: it holds. pending: the step can bring it about. conflict: something stands there that is not ours. */
export type Verdict = "done" | "pending" | "conflict";
