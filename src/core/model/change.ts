import type { ConfiguredDisk } from "./domain.js";
import type { Fill } from "./names.js";
import type { DesiredDisk, DesiredDomain } from "./desired.js";
import type { PastBooks, RetiredImage } from "./host-state.js";
import type { Content, Image, ServedFormat, Volume } from "./storage.js";

/** What differs between a host and a playbook: semantic first, steps come later. */
export type Change = MoveChange | ReturnChange | CollectChange;

/** What a playbook asks for. */
export type MoveChange = MoveDisk | FinishMove;

/** What going back asks for. */
export type ReturnChange = ReturnDisk | FinishReturn;

/** What tidying up asks for. */
export type CollectChange = DiscardImage | ForgetRuns;

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

/**
 * The guest runs on its volume already, but the run that brought it there has not tidied up; or it runs there by way of
 * a mapping that it is to leave now.
 */
export interface FinishMove {
  readonly change: "finish-move";
  readonly domain: string;
  readonly vdev: string;
  readonly volume: string;
  /** The mapping that the guest is to leave. */
  readonly leaves?: string;
  /** The image that it was copied from, where that is known and still there. */
  readonly image?: string;
  readonly wish: DesiredDisk;
}

/** A guest's disk has to go back from its volume to the image that it came from. */
export interface ReturnDisk {
  readonly change: "return-disk";
  readonly domain: string;
  readonly vdev: string;
  readonly volume: Volume;
  /** As it lies on the host now. */
  readonly image: Image;
  /** The path that the config names again. */
  readonly path: string;
  /** What the config says that it is. */
  readonly format: ServedFormat;
  /** Set where the image was retired: the names that it has now and had before, links resolved. */
  readonly retired?: { readonly at: string; readonly path: string };
  readonly carry: Carry;
  /** An earlier run wrote to the image and did not come to its end: its times say nothing. */
  readonly halfCarried: boolean;
  readonly removeVolume: boolean;
  /** When the guest came onto the volume, in seconds since the epoch, where the books still know. */
  readonly since?: number;
  /** Bytes that it has written there since it was last started, where that is counted. */
  readonly writtenBytes?: number;
}

/**
 * What becomes of the writes on the volume: given up, there are none that count (swap), or they go back to the image
 * first, by files or by blocks.
 */
export type Carry = "nothing" | "swap" | "files" | "blocks";

/** The guest is back on its image already, but what is left of its volume has not been settled. */
export interface FinishReturn {
  readonly change: "finish-return";
  readonly domain: string;
  readonly vdev: string;
  readonly volume: Volume;
  readonly image: string;
  /** Nothing is on the volume alone. */
  readonly carried: boolean;
  readonly removeVolume: boolean;
  /** As in {@link ReturnDisk}. */
  readonly since?: number;
  /** It is what the guest was on before that: it has moved the disk more than once, and left this one unsettled. */
  readonly older?: true;
}

/** A retired image is past its time, and nothing has it any more. */
export interface DiscardImage {
  readonly change: "discard-image";
  readonly domain: string;
  readonly vdev: string;
  /** The volume that the guest runs on since. */
  readonly volume: string;
  /** Under the name that it was retired to. */
  readonly image: Image;
  readonly retired: RetiredImage;
}

/** Books of runs that began long ago, and that nothing needs any more. */
export interface ForgetRuns {
  readonly change: "forget-runs";
  readonly domain: string;
  /** Oldest first. */
  readonly runs: readonly PastBooks[];
}

/** The image that is to be deleted or retired where a move is finished, if it is there. */
export function givenUp({ image, wish }: FinishMove, images: Readonly<Record<string, Image>>): Image | undefined {
  return (wish.move.source ?? "keep") === "keep" ? undefined : Object.values(images).find(({ realPath }) => realPath === image);
}

/** The volume that a change is about; books of runs are about none. */
export function volumeOf(change: Change): string | undefined {
  switch (change.change) {
    case "move-disk": return change.to.volume;
    case "finish-move": case "discard-image": return change.volume;
    case "return-disk": case "finish-return": return change.volume.name;
    case "forget-runs": return undefined;
  }
}

/** What a change is shown under: its disk, or that it is about the guest's books. */
export function placeOf(change: Change): string {
  return change.change === "forget-runs" ? "books" : change.vdev;
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
  /** An earlier run began a copy on it for this very disk. Whether that can be gone on with is for {@link goesOn}. */
  readonly begun: boolean;
  /** What that one had begun to fill it with. */
  readonly fill?: Fill;
  /** So many of its first bytes that one had not zeroed, since it was to copy over all of them. */
  readonly unzeroed?: number;
  /** The guest had been on it, and went back to an image that holds the same. */
  readonly former: boolean;
  /** Its tags say that QEMU served the image. */
  readonly servedByQemu?: true;
  /** As what they say that its guest's config had the image; unset where they do not say it, or contradict each other. */
  readonly format?: ServedFormat;
}

/** What is on a volume can be gone on with in this way. */
export function goesOn({ former, fill }: TargetVolume, by: Fill): boolean {
  return former || fill === by;
}

/** All blocks of a disk of so many bytes can go there as it is: what they do not cover is zeroed, or the guest's own. */
export function takesAll(to: TargetVolume, bytes: number): boolean {
  return goesOn(to, "blocks") || (to.unzeroed !== undefined && to.unzeroed <= bytes);
}

/** All changes of one guest: they share one switch. */
export interface DomainChanges {
  readonly domain: string;
  readonly desired: DesiredDomain;
  readonly changes: readonly MoveChange[];
}
