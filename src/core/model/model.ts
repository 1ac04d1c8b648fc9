import type { RunningDomain } from "./domain.js";
import type { HostState } from "./host-state.js";

/**
 * The state that a plan is simulated on: a host, and what no command prints but every promise is about, namely
 * which disk holds which of the writes that the guest was told are safe.
 */
export interface Model {
  readonly host: HostState;
  readonly ghost: Ghost;
}

export interface Ghost {
  /** By image path or `vg/lv`. */
  readonly disks: Readonly<Record<string, DiskGhost>>;
  /** Guests that were up when the plan began: none of them may be left down. */
  readonly wasUp: readonly string[];
  /** By `domain/vdev`: the number of the last write that the guest was told is safe. */
  readonly acknowledged: Readonly<Record<string, number>>;
  /** Guests whose first unpause on the new disk has happened. */
  readonly committed: readonly string[];
  /** Guests that were found on their new disks when a run was taken back: it is written down that there is no way back. */
  readonly staying?: readonly string[];
  /** Guests that have a boot unit installed. */
  readonly bootUnits: readonly string[];
  /** Text of configs by sha256 label: the model knows what an edit leads to without hashing. */
  readonly renamed: Readonly<Record<string, string>>;
  /** Guests that xendomains holds in a save file since an orderly reboot of Dom0: as they ran when they were saved. */
  readonly saved?: Readonly<Record<string, RunningDomain>>;
  /**
   * By `domain/vdev`: writes that the guest holds back in its memory, the times of their files being on disk already.
   * Unset: nobody knows, so every guest holds something back at every moment.
   */
  readonly buffered?: Readonly<Record<string, number>>;
  /** Files under converge's run directory that serve one run. */
  readonly files?: readonly string[];
  /** Clones of guests that rehearsals boot. They are no guests: no observation of a host has them. */
  readonly clones?: readonly Clone[];
  /** By the names of arrays that have one. */
  readonly bitmaps?: Readonly<Record<string, BitmapGhost>>;
  /** By `vg/lv`, where something lies there still from before LVM handed out its extents. */
  readonly recycled?: Readonly<Record<string, Recycled>>;
  /** By what a config names: the last write that a disk held when a config came to name it, where that was noted. */
  readonly writtenWhenNamed?: Readonly<Record<string, number>>;
}

/** Which parts of a volume hold what somebody else has left there: where an image's blocks go, and what lies behind them. */
export interface Recycled {
  readonly head: boolean;
  readonly tail: boolean;
}

/** What an array's write-intent bitmap is worth. */
export interface BitmapGhost {
  readonly image: string;
  /** Which one, since an array's name may be given again. */
  readonly made: number;
  /** The number of the image's last write that did not come by way of the array: the bitmap knows of all later ones. */
  readonly missed: number;
}

/**
 * A copy of a disk's blocks that was made while somebody wrote to it: nothing by itself, and all there is to know where
 * something knows of every write since it began.
 */
export interface BlockCopy {
  /** The number of the disk's last write when the copy began. */
  readonly since: number;
  /** By what a run that goes on with it knows that nothing was in between. */
  readonly bitmap: number | undefined;
  readonly bootId: string;
  readonly domid: number | undefined;
}

export interface Clone {
  readonly name: string;
  /** What it writes to, by the keys of {@link Ghost.disks}. */
  readonly disks: readonly string[];
  /** saved: by xendomains, at an orderly reboot of Dom0. */
  readonly state: "runs" | "saved";
}

export interface DiskGhost {
  /** The number of the last write that it holds. */
  readonly writes: number;
  /**
   * It holds files that look like the source's (size and times) while their data is older: the classic two-pass
   * loss. A pass that compares by size and time does not mend it.
   */
  readonly deceptive: boolean;
  /** A guest that started on it now would find a whole, consistent file system. */
  readonly consistent: boolean;
  readonly copied?: BlockCopy;
}
