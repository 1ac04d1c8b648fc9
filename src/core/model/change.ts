import type { ConfiguredDisk } from "./domain.js";
import type { DesiredDisk, DesiredDomain } from "./desired.js";
import type { Content, Image } from "./storage.js";

/** What differs between a host and a playbook: semantic first, steps come later. */
export type Change = MoveDisk | FinishMove;

/** A guest's disk has to go from an image file to a logical volume. */
export interface MoveDisk {
  readonly change: "move-disk";
  readonly domain: string;
  readonly vdev: string;
  readonly from: ConfiguredDisk;
  readonly image: Image;
  readonly to: TargetVolume;
  readonly wish: DesiredDisk;
}

/** The guest runs on its volume already, but the run that brought it there has not tidied up. */
export interface FinishMove {
  readonly change: "finish-move";
  readonly domain: string;
  readonly vdev: string;
  readonly volume: string;
  /** The image that it was copied from, where that is known and still there. */
  readonly image?: string;
  readonly wish: DesiredDisk;
}

export interface TargetVolume {
  readonly volume: string;
  readonly group: string;
  /** Rounded up to whole extents. */
  readonly bytes: number;
  readonly extentBytes: number;
  /** As the playbook says, before rounding; undefined: as large as the source. */
  readonly askedBytes?: number;
  readonly content: Content;
  /** A copy that an earlier run began and that this one goes on with. */
  readonly resumes: boolean;
}

/** All changes of one guest: they share one switch. */
export interface DomainChanges {
  readonly domain: string;
  readonly desired: DesiredDomain;
  readonly changes: readonly Change[];
}
