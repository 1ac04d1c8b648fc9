import { canonicalVdev } from "../xl/vdev.js";
import type { ServedFormat } from "./storage.js";

/** Names of converge's own on a host, made from names that others chose. */

/**
 * A guest's disk as names and tags have it: by one name, whichever its config has for it. Somebody may rewrite `xvda1` as
 * `51713` between two runs, and what the first has left is the disk's all the same.
 */
export function diskName(vdev: string): string {
  return safeName(canonicalVdev(vdev));
}

/**
 * A name that is safe in paths, unit names, LVM names and LVM tags: letters, digits, `.` and `-` stay, every other
 * byte of its UTF-8 form becomes `_hh`. Different names stay different. A leading `.` or `-` is escaped too. A long
 * name is cut, and a hash of it keeps it apart from others.
 */
export function safeName(name: string): string {
  const escaped = escapeName(name);
  if (escaped.length <= LONGEST_NAME) return escaped;
  // `_x` is no escape: a shortened name is never another name's long form
  return `${escaped.slice(0, LONGEST_NAME - 18)}_x${fnv1a(escaped)}`;
}

/** File names end at 255 bytes, LVM's names at 127; converge puts words of its own before and behind. */
const LONGEST_NAME = 80;

const PLAIN = /^[A-Za-z0-9][A-Za-z0-9.-]*$/;

function escapeName(name: string): string {
  if (PLAIN.test(name)) return name;
  let out = "";
  for (const char of name) {
    const plain = /^[A-Za-z0-9.-]$/.test(char) && !(out === "" && (char === "." || char === "-"));
    out += plain ? char : utf8(char).map((byte) => `_${byte.toString(16).padStart(2, "0")}`).join("");
  }
  return out;
}

/** 64-bit FNV-1a in hex: enough to keep apart names of one host that begin alike. */
export function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const char of text) hash = BigInt.asUintN(64, (hash ^ BigInt(char.charCodeAt(0))) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}

function utf8(char: string): readonly number[] {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), 0x80 | (code & 63)];
  if (code < 0x10000) return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
  return [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
}

/** Where converge keeps its books on a host; survives reboots. */
export const BOOKS = "/var/lib/converge";
/** Where converge mounts and links while it runs; gone after a reboot. */
export const RUN = "/run/converge";

/** Where converge mounts and links for a guest while a run is at work. */
export function runDirectory(domain: string): string {
  return `${RUN}/${safeName(domain)}`;
}

/** Where converge keeps its books about a guest: a directory for each of its runs, the lock, and `current`. */
export function booksDirectory(domain: string): string {
  return `${BOOKS}/domains/${safeName(domain)}`;
}

/** The transient unit that a domain's program runs in. */
export function unitName(domain: string): string {
  const name = safeName(domain);
  // of a guest boot-web1 it would be web1's boot unit
  return name.startsWith("boot-") ? `converge_${name}.service` : `converge-${name}.service`;
}

/** The unit that looks after a domain when Dom0 reboots in mid-run. */
export function bootUnitName(domain: string): string {
  return `converge-boot-${safeName(domain)}.service`;
}

/** former: the guest's disk until it went back to its image, with writes that nothing else has. */
export type VolumeRole = (typeof ROLES)[number];
const ROLES = ["copy", "disk", "former", "snapshot"] as const;

/** LVM tags of what converge made: only what carries them is ever removed. */
export function volumeTags(domain: string, vdev: string, role: VolumeRole): readonly string[] {
  return ["converge", `converge.domain=${safeName(domain)}`, `converge.disk=${diskName(vdev)}`, `converge.role=${role}`];
}

/** The role that a volume's tags give it; undefined: it is not converge's. */
export function roleOfTags(tags: readonly string[]): VolumeRole | undefined {
  return tags.includes("converge") ? ROLES.find((role) => tags.includes(`converge.role=${role}`)) : undefined;
}

/**
 * While the writes of a volume are carried back to its image: begun, and the image is no disk for anybody; done, and
 * both hold the same.
 */
export const CARRY_BEGUN = "converge.carry=begun";
export const CARRY_DONE = "converge.carry=done";

/**
 * What a copy in the making holds besides zeroes: nothing but a file system of its own and files in it, or blocks of the
 * image, which are no file system before they are all there. A copy of the one kind is not gone on with as the other.
 */
export const FILLS = { files: "converge.zeroed", blocks: "converge.filled=blocks" } as const;
export type Fill = keyof typeof FILLS;

const UNZEROED = /^converge\.unzeroed=(\d{1,15})$/;

/**
 * The tag of a copy in the making that gets every block of an image of so many bytes: only what lies behind them was zeroed, and
 * what they have not been copied over yet is somebody else's. Whoever copies less than all of them zeroes it first.
 */
export function unzeroedTag(bytes: number): string {
  return `converge.unzeroed=${bytes}`;
}

/** The bytes that {@link unzeroedTag} names. */
export function unzeroedOf(tags: readonly string[]): number | undefined {
  const found = tags.flatMap((tag) => UNZEROED.exec(tag)?.[1] ?? []).map(Number);
  return found.length === 0 ? undefined : Math.max(...found);
}

/** Tags without those that say how a copy in the making was begun. */
export function withoutFills(tags: readonly string[]): readonly string[] {
  return tags.filter((tag) => !UNZEROED.test(tag) && !Object.values<string>(FILLS).includes(tag));
}

/** How a copy in the making was begun. Unset: it was not, for all that is known, or not all of it was zeroed before. */
export function fillOf(tags: readonly string[]): Fill | undefined {
  if (unzeroedOf(tags) !== undefined) return undefined;
  if (tags.includes(FILLS.blocks)) return "blocks";
  return tags.includes(FILLS.files) ? "files" : undefined;
}

const FROM = "converge.from=";
/** LVM takes tags of up to 1024 characters. */
const LONGEST_TAG = 1024;

/**
 * The tag that says which image a volume was copied from, for whoever tidies up or rolls back later. None where the
 * path is longer than a tag can be.
 */
export function sourceTags(path: string): readonly string[] {
  const tag = FROM + path.split("/").map((part) => escapeName(part)).join("/");
  return tag.length <= LONGEST_TAG ? [tag] : [];
}

/** The image that a volume was copied from, by its tags. */
export function sourceOfTags(tags: readonly string[]): string | undefined {
  const tag = tags.find((t) => t.startsWith(FROM))?.slice(FROM.length);
  if (tag === undefined || !tag.startsWith("/")) return undefined;
  try {
    return decodeURIComponent(tag.replaceAll(/_([0-9a-f]{2})/g, "%$1"));
  } catch {
    // no tag of ours: what it escapes is no UTF-8
    return undefined;
  }
}

/** The tag of a volume whose raw image the guest's config had QEMU serve (`backendtype=qdisk`): a rollback says so again. */
export const SERVED_BY_QEMU = "converge.served=qdisk";

const FORMAT = "converge.format=";
/** Each format that a guest is moved from. */
export const FORMATS_SERVED = ["raw", "qcow2", "vhd"] as const satisfies readonly ServedFormat[];

/**
 * The tag of a volume that says as what the guest's config had the image: a rollback names it so again. The image does not say it:
 * of a raw one the head is whatever its guest writes there, and QEMU, told that it were a qcow2, would open each file that such a head names.
 */
export function formatTag(format: ServedFormat): string {
  return FORMAT + format;
}

/** The format that {@link formatTag} names; undefined where a volume has no such tag, or several. */
export function formatOfTags(tags: readonly string[]): ServedFormat | undefined {
  const [tag, ...others] = tags.filter((one) => one.startsWith(FORMAT));
  return others.length > 0 ? undefined : FORMATS_SERVED.find((format) => tag === formatTag(format));
}

/** Device node of a volume: `/dev/vg/lv`. */
export function volumePath(volume: string): string {
  return `/dev/${volume}`;
}

/** Whether a path, as in a config, means the volume `vg/lv`. */
export function namesVolume(path: string, volume: string): boolean {
  return pathsOfVolume(volume).includes(path);
}

/** The paths that LVM gives the volume `vg/lv`. */
export function pathsOfVolume(volume: string): readonly [string, string] {
  const [group = "", lv = ""] = volume.split("/");
  return [volumePath(volume), `/dev/mapper/${group.replaceAll("-", "--")}-${lv.replaceAll("-", "--")}`];
}

/**
 * The volume `vg/lv` that a path names by itself, without a look at the host: `/dev/vg/lv`, `/dev/mapper/vg-lv` (device-mapper
 * doubles hyphens within a name), udev's link to that, or the same as Xen takes it, without `/dev/` (its block script looks there).
 * @returns what is in /dev and no name of LVM's comes without `/dev/` too; undefined for what is no such path
 */
export function volumeOfPath(path: string): string | undefined {
  const mapped = /^(?:\/dev\/)?(?:mapper\/|disk\/by-id\/dm-name-)((?:[^-/]|--)+)-((?:[^-/]|--)+)$/.exec(path);
  const [, group, lv] = mapped ?? [];
  if (group !== undefined && lv !== undefined) return `${group.replaceAll("--", "-")}/${lv.replaceAll("--", "-")}`;
  return /^(?:\/dev\/)?([^/]+\/[^/]+)$/.exec(path)?.[1];
}

/** Name of the temporary snapshot of a volume, taken for one guest. */
export function snapshotName(origin: string, domain: string): string {
  const group = origin.slice(0, origin.indexOf("/"));
  const name = safeName(domain);
  // where the one ends and the other begins: web's of db-images is not web-db's of images
  return `${group}/converge-${name}${name.includes("-") ? "+" : "-"}${safeName(origin.slice(group.length + 1))}`;
}

const REHEARSAL = "converge-rehearsal-";

/** Name of the clone of a guest that a rehearsal boots: never the guest's own, and no other guest's. */
export function rehearsalName(domain: string): string {
  return `${REHEARSAL}${safeName(domain)}`;
}

/** The clone's UUID, by its name: who finds a domain of that name knows by it whether it is a clone of converge's. */
export function rehearsalUuid(name: string): string {
  const hex = fnv1a(name) + fnv1a(`uuid of ${name}`);
  // version 8 of RFC 9562: made by a rule of one's own
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Whether a domain is a clone that a rehearsal booted, and nobody's guest. */
export function isRehearsal(name: string, uuid: string): boolean {
  return hasRehearsalName(name) && uuid.toLowerCase() === rehearsalUuid(name);
}

/** Whether a name is such as clones have: all there is to go by where nothing but a name is seen. */
export function hasRehearsalName(name: string): boolean {
  return name.startsWith(REHEARSAL);
}

/** Name of the snapshot of a volume that the clone of a guest has for a disk. */
export function rehearsalSnapshotName(volume: string, domain: string, vdev: string): string {
  return `${volume.slice(0, volume.indexOf("/"))}/${rehearsalName(domain)}-${safeName(vdev)}`;
}

/** The file or device that a disk's target means, where Xen's block script looks: what does not begin with a slash lies in /dev. */
export function pathInDev(target: string): string {
  return target.startsWith("/") ? target : `/dev/${target}`;
}
