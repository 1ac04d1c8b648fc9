import type { AttachedDisk } from "./domain.js";
import { diskName } from "./names.js";

/** What the QEMU that serves a guest's disks has open and is doing, by its own word (QMP). */
export interface GuestQemu {
  readonly nodes: readonly BlockNode[];
  readonly jobs: readonly BlockJob[];
}

export interface BlockNode {
  readonly node: string;
  /** The file or device that lies below it. */
  readonly path: string;
  /** QEMU's name for the format or the protocol: `raw`, `qcow2`, `vpc`, `file`… */
  readonly driver: string;
  /** As the guest sees it, where it is a format. */
  readonly bytes: number;
}

export interface BlockJob {
  readonly job: string;
  /** running, ready (the copy follows the disk), pending (all is copied, and the guest's writes wait), concluded… */
  readonly status: string;
}

/** Name of converge's own node over a disk's volume, and of the job that fills it. Each guest has a QEMU of its own. */
export function nodeName(vdev: string): string {
  return `converge-${diskName(vdev)}`;
}

/** QEMU takes names of up to 31 bytes (block.c, `char node_name[32]`). */
export const LONGEST_NODE_NAME = 31;

/**
 * The file or device that a disk is served from. xenstore goes on naming what the guest was created with when QEMU has
 * been told to serve it from elsewhere; so its own word counts, where it was asked.
 */
export function servedFrom(disk: AttachedDisk): string {
  return disk.open?.path ?? disk.params;
}
