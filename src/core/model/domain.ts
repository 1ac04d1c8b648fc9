import type { BlockNode, GuestQemu } from "./qemu.js";
import type { SourceText } from "./source.js";

/** A disk as an xl config names it, every form of it brought to one. */
export interface ConfiguredDisk {
  readonly vdev: string;
  /** Path of a file or a block device, as written. */
  readonly target: string;
  readonly format: string;
  readonly access: "r" | "w";
  readonly cdrom: boolean;
  /** `phy`, `qdisk`, `tap`, or unset: xl chooses. */
  readonly backendtype?: string;
  readonly script?: string;
  /** Serves the disk, where that is not Dom0. */
  readonly backend?: string;
}

/** A disk as xenstore says that it is attached. */
export interface AttachedDisk {
  readonly vdev: string;
  /** The file or device of xenstore's `params`, without the format that QEMU's have before it. */
  readonly params: string;
  /** `vbd` (blkback) or `qdisk` (QEMU). */
  readonly backend: "vbd" | "qdisk" | "other";
  /** `major:minor` in decimal of the device that blkback has opened. */
  readonly devno?: string;
  /** xenbus state: 4 is connected. */
  readonly state: number;
  /** What the guest has written to it since it was started, where that is counted. */
  readonly writtenBytes?: number;
  /** What QEMU has open for it by its own word, where QEMU serves it and could be asked. */
  readonly open?: BlockNode;
}

/**
 * What a config, or what is stored of one, settles of a guest beside its disks. A member that is unset is not known: it may come
 * from elsewhere. Empty texts are none.
 */
export interface Settled {
  readonly type?: string;
  readonly memoryKiB?: number;
  readonly maxMemoryKiB?: number;
  /** VCPUs that it has when it starts. */
  readonly vcpus?: number;
  readonly maxVcpus?: number;
  readonly kernel?: string;
  readonly ramdisk?: string;
  readonly cmdline?: string;
  readonly bootloader?: string;
  /** In libxl's words. */
  readonly onPoweroff?: string;
  readonly onReboot?: string;
  readonly onCrash?: string;
  /** How many of each kind that a config may name, beside disks, cards and PCI devices; libxl's file keeps what was taken away. */
  readonly devices?: Readonly<Record<string, number>>;
  /** Network cards, in their order. */
  readonly cards?: readonly SettledCard[];
}

export interface SettledCard {
  readonly mac?: string;
  readonly bridge?: string;
  readonly script?: string;
  readonly ip?: string;
  /** That the card has in Dom0 (`vifname`). */
  readonly name?: string;
}

/** One xl config on a host. */
export interface DomainConfig {
  readonly path: string;
  readonly text: SourceText;
  readonly sha256: string;
  readonly inode: number;
  readonly mode: string;
  readonly disks: readonly ConfiguredDisk[];
  /** How many `vif` entries it has. */
  readonly networkCards: number;
  /** Of the `vif` entries: the `ip=` ones. */
  readonly addresses: readonly string[];
  readonly onPoweroff: string;
  readonly onReboot: string;
  readonly uuid?: string;
  readonly memoryMiB?: number;
  readonly type: "pv" | "hvm" | "pvh";
  readonly ties: readonly Tie[];
  readonly settled?: Settled;
  /** Why it is not edited: it is no UTF-8 text, or only its beginning was read. The disks that it names count all the same. */
  readonly uneditable?: "no-utf8" | "too-long";
}

/**
 * What in a config binds the guest to where it is, or says what it starts from: devices passed through, `nomigrate`, a card or a
 * display that only one guest can have, arguments to the device model, and a kernel that comes from Dom0.
 */
export type Tie = "passed-through" | "no-migration" | "named-card" | "fixed-display" | "device-model-arguments" | "kernel";

export interface RunningDomain {
  readonly domid: number;
  readonly uuid: string;
  readonly paused: boolean;
  /** Nothing of it runs any more, and it is there still. Unset: it runs, is paused, or is just being taken away. */
  readonly halted?: "crashed" | "shut-down";
  readonly memoryKiB: number;
  /** From xl's stored configuration (`xl list -l`): what the guest's own reboot comes up with. */
  readonly stored: readonly ConfiguredDisk[];
  /** MAC addresses of its network cards, in their order; those that libxl chose by itself stand in no config. */
  readonly macs?: readonly string[];
  /** It has PCI devices of the host's, from its start on or plugged in since. */
  readonly passedThrough?: true;
  /** What can be plugged in and out, as libxl has it: `vif/0`, `vbd/51713`. Sorted; unset where libxl does not say. */
  readonly devices?: readonly string[];
  /** What libxl has stored of it, and `xl config-update` if it was used: what it was built with, and what its own reboot builds it with. */
  readonly settled?: readonly StoredView[];
  /** From there too: what becomes of it when it powers off, where that is not `destroy`. */
  readonly onPoweroff?: string;
  readonly attached: readonly AttachedDisk[];
  /** Unset: no disk of it is served by QEMU, or QEMU did not answer. */
  readonly qemu?: GuestQemu;
  /** `xl config-update` has stored a config, which beats what libxl holds when the guest reboots itself. */
  readonly storedByXl?: boolean;
  /** Hex SHA-256 of that, where it could be had. */
  readonly storedHash?: string;
}

export interface StoredView {
  readonly by: "libxl" | "xl config-update";
  readonly settled: Settled;
}

/** A guest: defined by a file, running, saved, or several of these. */
export interface Domain {
  readonly name: string;
  readonly config?: DomainConfig;
  /** Other configs on the host that define the same name. */
  readonly otherConfigs: readonly string[];
  /** Disks that those name: the guest may be started from any of them. Unset: none. */
  readonly otherDisks?: readonly ConfiguredDisk[];
  /** Linked from /etc/xen/auto. */
  readonly autostart: boolean;
  /** xendomains holds a save file of it: its memory knows the disk as it was. */
  readonly saved: boolean;
  readonly running?: RunningDomain;
}
