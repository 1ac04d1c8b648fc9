import type { Domain } from "./domain.js";
import type { Scanning } from "./scanning.js";
import type { BlockDevice, Image, Loop, Mapping, Mount, Volume, VolumeGroup } from "./storage.js";

/**
 * What is, or what should be, on one Dom0. One type for both sides: what was observed, what is desired, and every
 * state that the simulation of a plan walks through.
 */
export interface HostState {
  readonly host: HostIdentity;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number; readonly dom0FreeBytes: number };
  readonly tools: Readonly<Record<string, ToolState>>;
  /** Kernel modules and built-in drivers that are loaded or can be. */
  readonly modules: Readonly<Record<string, "loaded" | "available" | "missing">>;
  /** What Dom0 takes up by itself of what it finds on block devices; unset where nobody could say. */
  readonly scanning?: Scanning;
  /** Others who own guests on this host: `libvirt`, `xapi`, `ganeti`, `pacemaker`. */
  readonly managers: readonly string[];
  readonly volumeGroups: Readonly<Record<string, VolumeGroup>>;
  /** By `vg/lv`. */
  readonly volumes: Readonly<Record<string, Volume>>;
  /** By path as configured. */
  readonly images: Readonly<Record<string, Image>>;
  /** Block devices that guests' disks name, by path as configured (without a leading slash: under /dev). */
  readonly devices?: Readonly<Record<string, BlockDevice>>;
  readonly loops: readonly Loop[];
  /** The version of the kernel's DRBD, loaded or not; unset where there is none, or nobody could say. */
  readonly drbd?: string;
  /** Device-mapper devices, md arrays and DRBD resources of converge's own. */
  readonly mappings?: readonly Mapping[];
  readonly mounts: readonly Mount[];
  /** By name. */
  readonly domains: Readonly<Record<string, Domain>>;
  /** Files that are configs by their names, and can not be read as such. */
  readonly unreadConfigs?: readonly string[];
  /** Runs of converge that this host knows of. */
  readonly runs: readonly RunRecord[];
  /** Past downtimes of guests on this host, newest first. */
  readonly history: readonly PastRun[];
  /** Images that converge retired, as its books have them; they may have gone since. */
  readonly retired?: readonly RetiredImage[];
  /** Runs that brought guests onto other disks, newest first. */
  readonly commits?: readonly PastCommit[];
  /** Books of earlier runs, oldest first. */
  readonly past?: readonly PastBooks[];
  /** By the host's own clock, in seconds since the epoch; unset where it has no books. */
  readonly now?: number;
}

/** An image that got another name when its guest had left it. */
export interface RetiredImage {
  readonly domain: string;
  readonly vdev: string;
  /** The volume that the guest went to. */
  readonly volume: string;
  /** Its name before, and now. */
  readonly path: string;
  readonly retired: string;
  /** Seconds since the epoch. */
  readonly at: number;
  /** What was retired; unset in books of older versions. */
  readonly file?: FileIdentity;
  /** For how long the move that retired it has asked that it be kept; unset: it did not say, or an older version wrote it. */
  readonly keepForSeconds?: number;
}

/** What tells a file that nobody writes to any more from another one that has come under its name. */
export interface FileIdentity {
  readonly inode: number;
  readonly bytes: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** The moment from which a guest ran on other disks. */
export interface PastCommit {
  readonly domain: string;
  readonly run: string;
  /** Seconds since the epoch. */
  readonly at: number;
  /** The volumes that the run was about. */
  readonly volumes: readonly string[];
  /** Its books do not say which, since another version of converge wrote them or they were lost: it may have been any of the guest's. */
  readonly unsaid?: true;
  /** It brought the guest back from them to its images. */
  readonly returns?: true;
  /** The images that it was about, as it found them. */
  readonly images?: readonly BoundImage[];
  /** Of one that has told QEMU to take its guest's disks over: the jobs of those that QEMU said had stayed. Unset: nobody can read it. */
  readonly stayed?: readonly string[];
}

/** A file by its path then, and its identity. */
export interface BoundImage {
  readonly path: string;
  readonly inode: number;
}

export interface HostIdentity {
  readonly name: string;
  readonly bootId: string;
  readonly kernel: string;
  readonly xen: string;
  /** What the hypervisor says that it can (`virt_caps` of `xl info`); unset where it does not say. */
  readonly capabilities?: readonly string[];
  readonly systemd?: number;
  readonly os: string;
}

export interface ToolState {
  readonly present: boolean;
  readonly version?: string;
}

/** A run in the host's own books, under /var/lib/converge. */
export interface RunRecord {
  readonly run: string;
  readonly domain: string;
  readonly digest: string;
  readonly state: "running" | "stopped" | "done" | "failed";
  readonly owner: string;
  readonly since: number;
  /** The last one that began. `at`: seconds since the epoch. `waits`: for a time of day, which may be long. */
  readonly step?: { readonly title: string; readonly at: number; readonly waits?: true };
  /** The guest is on its new disks since then. */
  readonly committedAt?: number;
  /**
   * The commit was begun: whoever looks after the run goes on from there, and takes back only what served it. `offline`: the
   * guest is down, on purpose, and stays so.
   */
  readonly committing?: "running" | "offline";
  /** It died before it had begun anything that would have to be taken back. A copy that it had begun stays, to be gone on with. */
  readonly untouched?: true;
  /** QEMU was told to take its guest's disks over: some of them, or all, may have stayed where they were. */
  readonly pivoted?: true;
  /** What could not be taken back, in words. */
  readonly unfinished?: string;
  /** As the runtime wrote it down. */
  readonly outcome?: string;
}

/** What is kept of a run that is nobody's last. */
export interface PastBooks {
  readonly domain: string;
  readonly run: string;
  readonly since: number;
  readonly bytes: number;
  /** It has not come to its end, or has left something to take back. */
  readonly open?: true;
}

/** What an earlier move on this host took, in seconds: the base of forecasts. */
export interface PastRun {
  readonly domain: string;
  /** How the content got there; unset in books of older versions. */
  readonly strategy?: string;
  /** How the guest was taken over; `none` where it was not, unset: by a restart. */
  readonly switch?: string;
  /** Of the guest; unset in books of older versions. */
  readonly memoryMiB?: number;
  readonly shutdownSeconds: number;
  readonly startSeconds: number;
  readonly downtimeSeconds: number;
  /** 0: nothing is known of it. */
  readonly bytesPerSecond: number;
  /** How long the guest was held for each disk whose volume took its image's place under it (`drbd`, `qemu`); unset: for none. */
  readonly exchangeSeconds?: number;
  /** What of the whole run was neither copying nor downtime; unset in books of older versions. */
  readonly restSeconds?: number;
}
