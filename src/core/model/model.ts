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
  /** Guests that have a boot unit installed. */
  readonly bootUnits: readonly string[];
  /** Text of configs by sha256 label: the model knows what an edit leads to without hashing. */
  readonly renamed: Readonly<Record<string, string>>;
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
}
