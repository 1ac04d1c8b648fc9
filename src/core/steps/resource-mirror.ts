import { formatBytes } from "../model/bytes.js";
import { mappingPath, sectorsOf } from "../model/mapping.js";
import type { StepKind } from "../model/step.js";
import type { Content } from "../model/storage.js";
import { collapsed, inSync, mirroring } from "./legs.js";
import type { Legs } from "./legs.js";

export interface ConnectResource extends Legs {
  readonly domain: string;
  /** What DRBD's copy may take of the disks; unset: as fast as it goes, and the guest first. */
  readonly bytesPerSecond?: number;
}

/**
 * A second resource lies on the volume, and the two talk to each other as if they were on two hosts: from here on both get
 * every write, and DRBD copies what was there before. It is held back before its end: what is not in sync is not relied on.
 */
export const connectResource: StepKind<"connect-resource", ConnectResource> = {
  kind: "connect-resource",
  risk: "safe",
  requires: ["drbdsetup", "losetup", "truncate"],
  title: ({ from, to }) => `Mirror ${from.disk} to ${to.disk}`,
  actions: ({ name, bytes, from, to, bytesPerSecond }) => {
    const kib = bytesPerSecond === undefined ? 0 : Math.max(1, Math.floor(bytesPerSecond / 1024));
    return [
      {
        verb: ["connect_resource", name, from.device, to.device, String(sectorsOf(bytes)), String(kib)],
        shown: `drbdsetup new-resource, new-minor, attach ${to.device} (losetup --find, drbdmeta create-md, losetup --detach as before); disk-options, connect both, at 127.0.0.1 and 127.0.0.2` +
          (bytesPerSecond === undefined ? "; no faster than 4 MiB/s while the guest has its disk at work" : `; at most ${formatBytes(bytesPerSecond)}/s`),
      },
    ];
  },
  goals: ({ name, from, to }) => [{ goal: "resource-mirrored", name, from, to }],
  effect: mirroring,
  undo: ({ domain, name, bytes, from, to }) => ({
    // also where it was half made only
    when: [],
    actions: [
      {
        verb: ["collapse_resource", name, from.device, to.device, String(sectorsOf(bytes))],
        shown: `let ${mappingPath(name)} lie on ${from.disk} alone (on ${to.disk} alone after the commit)`,
      },
    ],
    effect: (model) => collapsed({ domain, name, bytes, from, to }, model),
  }),
};

export interface SyncResource extends Legs {
  /** As {@link ConnectResource} has it. */
  readonly bytesPerSecond?: number;
}

/** Waits until nearly all is copied, holds the copy there, and looks at both disks meanwhile. */
export const syncResource: StepKind<"sync-resource", SyncResource> = {
  kind: "sync-resource",
  risk: "safe",
  always: true,
  requires: ["drbdsetup"],
  title: ({ from, to }) => `Copy ${from.disk} to ${to.disk}, all but the last bit`,
  actions: ({ name, bytes, from, to, bytesPerSecond }) => [
    {
      verb: [
        "await_resource", name, from.device, to.device, String(bytes),
        String(bytesPerSecond === undefined ? 0 : Math.max(1, Math.floor(bytesPerSecond / 1024))), from.disk,
      ],
      shown: `read /proc/drbd until it is there, and nobody has had ${from.disk} around it; the slower the nearer (drbdsetup disk-options), then drbdsetup pause-sync`,
    },
  ],
  goals: () => [],
  effect: (_args, model) => model,
};

export interface CompleteResource extends Legs {
  /** What is in the image, and so on the volume. */
  readonly content: Content;
}

/**
 * The last bit: from here on DRBD relies on both, and so whichever fails is left behind at once. The switch of the configs
 * follows without waiting for anything.
 */
export const completeResource: StepKind<"complete-resource", CompleteResource> = {
  kind: "complete-resource",
  risk: "safe",
  requires: ["drbdsetup"],
  title: ({ from }) => `Copy the last of ${from.disk}: both are equal then`,
  actions: ({ name, bytes, from, to }) => [
    {
      verb: ["complete_resource", name, from.device, to.device, String(bytes)],
      shown: `drbdsetup resume-sync, until both disks of ${mappingPath(name)} are UpToDate`,
    },
  ],
  goals: ({ name, to }) => [{ goal: "resource-in-sync", name, leg: to }],
  effect: inSync,
};
