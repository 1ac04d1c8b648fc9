import type { SourceRange } from "./source.js";

/** What playbook and inventory together ask for on one host: templates filled in, globs still to be matched. */
export interface DesiredHost {
  readonly host: string;
  readonly domains: readonly DesiredDomainPattern[];
}

/** One entry of a play's `domains`. An exact name beats a glob; two globs that disagree are an error. */
export interface DesiredDomainPattern {
  readonly pattern: string;
  readonly isGlob: boolean;
  readonly play: string;
  readonly at: SourceRange;
  readonly disks: readonly DesiredDiskPattern[];
  readonly ready?: ReadyCheck;
  /** As it stands on the domain alone; what the play says underlies it. */
  readonly move: MoveOptions;
  /** As it stands on the play. */
  readonly playMove: MoveOptions;
  /** Where single keys were written, by dotted name: `ready`, `move.downtime`, `move.throttle.nice`. */
  readonly keyAt: Readonly<Record<string, SourceRange>>;
}

export interface DesiredDiskPattern {
  /** `xvda1`, or a glob over the guest's configured disks. */
  readonly pattern: string;
  readonly isGlob: boolean;
  readonly at: SourceRange;
  /**
   * `vg/lv`. May hold the late variables `domain` and `vdev`, which only the host's facts fill in: a function of
   * them. Unset where only another entry (a glob's) says it.
   */
  readonly volume?: (late: { readonly domain: string; readonly vdev: string }) => string;
  readonly volumeAt?: SourceRange;
  readonly bytes?: number;
  readonly sizeText?: string;
  readonly filesystem?: FilesystemType;
  /** As it stands on the disk alone. */
  readonly move: MoveOptions;
  /** Where single keys were written: `size`, `filesystem`, `move.verify`. */
  readonly keyAt: Readonly<Record<string, SourceRange>>;
}

export type FilesystemType = "ext2" | "ext3" | "ext4" | "xfs" | "swap";

export type ReadyCheck =
  | { readonly kind: "tcp"; readonly port: number; readonly address?: string; readonly timeoutSeconds: number }
  | { readonly kind: "command"; readonly command: readonly [string, ...string[]]; readonly timeoutSeconds: number };

/** `move:` as it stands at one level; the nearest level wins key by key. */
export interface MoveOptions {
  readonly strategy?: string;
  readonly switch?: "restart" | "suspend" | "migrate" | "next-reboot" | "auto";
  /** When a guest whose disks were mirrored leaves the mirror's device for the volume itself; unset: deferred. */
  readonly finish?: "now" | "window" | "deferred";
  /** When it may be taken off that device, where `finish` is `window`. */
  readonly window?: TimeWindow;
  readonly downtimeSeconds?: number;
  readonly source?: "keep" | "retire" | "delete";
  /** How long a retired image is kept, until `converge gc` removes it. */
  readonly keepForSeconds?: number;
  readonly offline?: boolean;
  readonly verify?: "fresh" | "full";
  /** How long the guest has to obey the request to shut down. */
  readonly shutdownTimeoutSeconds?: number;
  /** A guest that does not obey in that time is destroyed; unset: never. */
  readonly destroy?: boolean;
  readonly passes?: number;
  /** A clone of the guest has to boot from its copy before the guest itself is touched. */
  readonly rehearse?: boolean;
  /** The clone is up once this has been on its console; unset: once it has written to a disk. */
  readonly rehearseConsole?: string;
  readonly rehearseTimeoutSeconds?: number;
  readonly throttle?: {
    readonly nice?: number;
    readonly ionice?: "idle" | "best-effort" | "none";
    readonly bandwidthBytesPerSecond?: number;
    readonly ioWeight?: number;
  };
  readonly snapshot?: { readonly size?: SnapshotSize };
}

/** The guest leaves its mirror's device by a second switch, and not by a start of its own. */
export function leavesBySwitch({ finish }: MoveOptions): boolean {
  return finish === "now" || finish === "window";
}

/** Room for what is written while a snapshot stands; where the playbook does not say, a share of the volume that it is of. */
export function snapshotSize({ snapshot }: MoveOptions): SnapshotSize {
  return snapshot?.size ?? { percent: 20 };
}

/** A time that comes again each week or each day, by the host's own wall clock. */
export interface TimeWindow {
  /** As it is shown: `Sat,Sun 01:00-05:00`. */
  readonly text: string;
  /** Minutes since Monday, 00:00, and how many it lasts from then on: it may go over midnight, and over the end of the week. */
  readonly spans: readonly { readonly start: number; readonly minutes: number }[];
}

/** `20%` of the origin, or bytes. */
export type SnapshotSize = { readonly percent: number } | { readonly bytes: number };

/** A disk's wish, matched to a guest's disk on a host, every level of `move` merged. */
export interface DesiredDisk {
  readonly domain: string;
  readonly vdev: string;
  readonly volume: string;
  readonly bytes?: number;
  readonly sizeText?: string;
  readonly filesystem?: FilesystemType;
  readonly move: MoveOptions;
  readonly at: SourceRange;
  readonly volumeAt: SourceRange;
}

export interface DesiredDomain {
  readonly name: string;
  readonly at: SourceRange;
  readonly disks: readonly DesiredDisk[];
  readonly ready?: ReadyCheck;
  readonly move: MoveOptions;
}
