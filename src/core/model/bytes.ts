import type { SnapshotSize } from "./desired.js";

/** Sizes as people write them. */

const UNITS: Readonly<Record<string, number>> = {
  "": 1, b: 1,
  k: 1024, kib: 1024, m: 1024 ** 2, mib: 1024 ** 2, g: 1024 ** 3, gib: 1024 ** 3, t: 1024 ** 4, tib: 1024 ** 4, pib: 1024 ** 5,
  kb: 1000, mb: 1000 ** 2, gb: 1000 ** 3, tb: 1000 ** 4,
};

/**
 * Bytes of a size as people write it: `512MiB`, `2G` (binary, as LVM's tools read it), `1.5 GiB`, `10GB` (decimal), `4096`.
 * @returns undefined for anything else, and for what is no whole number of bytes
 */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text);
  const unit = UNITS[match?.[2]?.toLowerCase() ?? "?"];
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const NAMES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A size for people: `2 GiB`, `512 MiB`, `1.5 GiB`; the binary unit that leaves the number at 1 or above. */
export function formatBytes(bytes: number): string {
  return formatIn(bytes, unitOf(bytes));
}

/**
 * Two sizes that are compared, in words that differ where they do: `1908 MiB` and `1907.3 MiB`, which both are 1.86 GiB. Words of two
 * units may mean the same, too: 1 TiB but for an extent is `1024 GiB`.
 */
export function formatApart(one: number, other: number): readonly [string, string] {
  const words = [formatBytes(one), formatBytes(other)] as const;
  if (one === other || parseBytes(words[0]) !== parseBytes(words[1])) return words;
  const units = NAMES.map((_, unit) => unit).slice(0, Math.max(unitOf(one), unitOf(other))).reverse();
  const unit = units.find((smaller) => formatIn(one, smaller) !== formatIn(other, smaller)) ?? 0;
  return [formatIn(one, unit), formatIn(other, unit)];
}

function unitOf(bytes: number): number {
  let unit = 0;
  for (let value = Math.abs(bytes); value >= 1024 && unit < NAMES.length - 1; value /= 1024) unit += 1;
  return unit;
}

function formatIn(bytes: number, unit: number): string {
  const value = bytes / 1024 ** unit;
  const text = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1).replace(/\.?0+$/, "");
  return `${text} ${NAMES[unit] ?? "B"}`;
}

/** Rounded up to whole extents, as lvcreate -L does. */
export function roundUpToExtent(bytes: number, extentBytes: number): number {
  return Math.ceil(bytes / extentBytes) * extentBytes;
}

/**
 * How much a classic snapshot gets at a time when it fills: in the measure in which it was sized for what its guests write, so
 * that a busy one is not grown too late.
 */
export function snapshotGrowth(bytes: number, extentBytes: number): number {
  return roundUpToExtent(Math.max(bytes / 2, 4 * extentBytes), extentBytes);
}

/**
 * Room for a classic snapshot. One as large as its origin and its own books never overflows: more is of no use.
 * @param size as the playbook says it
 * @param bytes of the origin
 */
export function snapshotRoom(size: SnapshotSize, bytes: number, extentBytes: number): number {
  const wanted = "percent" in size ? (bytes * size.percent) / 100 : size.bytes;
  return roundUpToExtent(Math.min(Math.max(wanted, 2 * extentBytes), bytes + 4 * extentBytes), extentBytes);
}
