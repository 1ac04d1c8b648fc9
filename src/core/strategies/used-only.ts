import { formatBytes } from "../model/bytes.js";
import type { HostState } from "../model/host-state.js";
import { usedBytes } from "../model/used-bytes.js";
import { tenths } from "./rates.js";
import type { DiskMove, ForecastPart } from "./strategy.js";

/** What a mirror is to copy. */
export interface Copied {
  /** No more than what the file system uses, as its free map says once nobody has it mounted. */
  readonly usedOnly: boolean;
  readonly bytes: number;
  /** Why it is as much. */
  readonly why: string;
}

/** A free map is trusted where nobody can have written since: a guest is shut down, its map read, and it comes up on the mirror. */
export function copiedOf(move: DiskMove, state: HostState): Copied {
  const { image } = move.change;
  const against = againstMap(move, state);
  if (against !== undefined) return { usedOnly: false, bytes: image.bytes, why: `all ${formatBytes(image.bytes)}, since ${against}` };
  const bytes = Math.min(usedBytes(image), image.bytes);
  return { usedOnly: true, bytes, why: `the about ${formatBytes(bytes)} that its ${image.content.type} uses, by its free map, which is read while the guest is down` };
}

function againstMap({ change: { image: { content } }, running, switchOver, mapped, options }: DiskMove, state: HostState): string | undefined {
  if (content.type !== "ext2" && content.type !== "ext3" && content.type !== "ext4") {
    return "a free map is read of ext2, ext3 and ext4 only";
  }
  if (content.features.includes("bigalloc")) return "its file system counts in clusters (bigalloc)";
  if (!running) return "anybody may start a guest that is down, and nobody would know from when on its free map says nothing";
  if (mapped) return "the guest runs on its mapping already";
  if (switchOver !== "restart") return "the guest is not shut down, and what it has in memory its free map does not say";
  if (options.verify === "full") return "all of it is to be compared (move.verify is full)";
  return ["dumpe2fs", "truncate"].map((tool) => (state.tools[tool]?.present === false ? `${tool} is not installed` : undefined)).find((why) => why !== undefined);
}

/** The maps of 16 groups of 128 MiB lie side by side (flex_bg); a disk takes some 20 ms to get to each. */
const SECONDS_A_BYTE = 0.02 / (16 * 128 * 1024 ** 2);

/** What the guest waits for. */
export function mapReading({ change: { image } }: DiskMove, { usedOnly }: Copied): readonly ForecastPart[] {
  if (!usedOnly) return [];
  return [{ what: "free map", seconds: tenths(1 + image.bytes * SECONDS_A_BYTE), how: "reckoned from the image's size" }];
}
