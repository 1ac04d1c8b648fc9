import { formatBytes } from "../model/bytes.js";
import { endInWords } from "../model/disk-end.js";
import type { HostState } from "../model/host-state.js";
import { markedRegionSectors, markedType } from "../model/marks.js";
import type { MarkedType } from "../model/marks.js";
import { tenths } from "./rates.js";
import type { DiskMove, ForecastPart } from "./strategy.js";

/** What a mirror is to copy. */
export interface Copied {
  /** Set where it is no more than what content of this type uses, as is found out once nobody has it any more. */
  readonly marked?: MarkedType;
  readonly bytes: number;
  /** Why it is as much. */
  readonly why: string;
}

/** What is free is trusted where nobody can have written since: a guest is shut down, it is looked up, and it comes up on the mirror. */
export function copiedOf(move: DiskMove, state: HostState): Copied {
  const { image } = move.change;
  const marked = markedType(image.content);
  const all = (why: string): Copied => ({ bytes: image.bytes, why: `all ${formatBytes(image.bytes)}, since ${why}` });
  if (marked === undefined) return all("what is free is known of ext2, ext3, ext4 and swap only");
  const against = againstMarks(move, marked, state);
  if (against !== undefined) return all(against);
  if (marked === "swap") {
    return { marked, bytes: Math.min(markedRegionSectors(image.bytes) * 512, image.bytes), why: "no more than its head, since what is swapped out ends with the guest" };
  }
  // not what is allocated of the image, where that is less: the mirror knows of no holes, and copies what the map calls used
  const used = "usedBytes" in image.content ? image.content.usedBytes : image.bytes;
  const bytes = Math.min(used, image.bytes);
  return { marked, bytes, why: `the about ${formatBytes(bytes)} that its ${marked} uses, by its free map, which is read while the guest is down` };
}

function againstMarks({ change: { image: { content, ends = [] } }, running, switchOver, mapped, options }: DiskMove, marked: MarkedType, state: HostState): string | undefined {
  if ("features" in content && Array.isArray(content.features) && content.features.includes("bigalloc")) return "its file system counts in clusters (bigalloc)";
  // of an area of swap all but its head counts as free, to the end of the disk
  const [end] = ends;
  if (end !== undefined) return `by its end it is a part of ${endInWords(end)} of the guest's own`;
  if (!running) return "anybody may start a guest that is down, and nobody would know from when on its free map says nothing";
  if (mapped) return "the guest runs on its mapping already";
  if (switchOver !== "restart") return "the guest is not shut down, and what it has in memory its free map does not say";
  if (options.verify === "full") return "all of it is to be compared (move.verify is full)";
  const missing = [marked === "swap" ? "dd" : "dumpe2fs", "truncate"].find((tool) => state.tools[tool]?.present === false);
  return missing === undefined ? undefined : `${missing} is not installed`;
}

/** The maps of 16 groups of 128 MiB lie side by side (flex_bg); a disk takes some 20 ms to get to each. */
const SECONDS_A_BYTE = 0.02 / (16 * 128 * 1024 ** 2);

/** What the guest waits for. */
export function mapReading({ change: { image } }: DiskMove, { marked }: Copied): readonly ForecastPart[] {
  if (marked === undefined) return [];
  const seconds = marked === "swap" ? 0.5 : tenths(1 + image.bytes * SECONDS_A_BYTE);
  return [{ what: "looking up what is free", seconds, how: "reckoned from the image's size" }];
}
