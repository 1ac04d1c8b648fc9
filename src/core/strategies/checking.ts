import { formatBytes } from "../model/bytes.js";
import { tenths } from "./rates.js";
import type { ForecastPart } from "./strategy.js";

/**
 * A guess: the part of what a file system holds that e2fsck(8) and xfs_repair(8) read, inodes, directories and maps of extents, and
 * no file's data. With many small files it is more, with a few large ones next to nothing.
 */
const METADATA = 0.05;
/** And what it takes in any case. */
const CHECK_SECONDS = 1;

/** What a file system takes that is looked through as a whole. */
export function checkingOf(what: string, usedBytes: number, bytesPerSecond: number): ForecastPart {
  const bytes = Math.round(usedBytes * METADATA);
  return {
    what, seconds: tenths(CHECK_SECONDS + bytes / bytesPerSecond),
    how: `a guess: ${formatBytes(bytes)} are read, at ${formatBytes(Math.round(bytesPerSecond))}/s`,
  };
}
