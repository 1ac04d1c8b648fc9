import type { Recognised } from "./superblock.js";
import { recognise } from "./superblock.js";
import { readDump } from "./dump.js";

/**
 * The shell function `head_of PATH`: prints the first 8 KiB as a dump between `head` and `end`. A file is read
 * through the page cache, where a loop device's writes are; a block device past it, because blkback writes below
 * the cache of Dom0 and a page that was read earlier would be stale for as long as the guest holds the device open.
 * A suspended device is left alone: reading it would wait for ever.
 */
export const HEAD_FUNCTION = `
head_of() {
  if [ -b "$1" ]; then
    number=$(stat -L -c '%t %T' "$1") || return 0
    state=/sys/dev/block/$(printf '%d:%d' "0x\${number% *}" "0x\${number#* }")/dm/suspended
    if [ -r "$state" ] && read -r suspended <"$state" && [ "$suspended" = 1 ]; then return 0; fi
    echo head
    { dd if="$1" bs=8192 count=1 iflag=direct,noatime || dd if="$1" bs=8192 count=1; } 2>/dev/null | od -A d -t x1
    echo end
  elif [ -f "$1" ]; then
    echo head
    { dd if="$1" bs=8192 count=1 iflag=noatime || dd if="$1" bs=8192 count=1; } 2>/dev/null | od -A d -t x1
    echo end
  fi
}
`;

export interface Dumped {
  readonly line: string;
  readonly head?: Uint8Array;
}

/** Lines that begin with the word `kind`, each with the dump that follows it. */
export function groupDumps(text: string, kind: string): readonly Dumped[] {
  const groups: { line: string; head?: Uint8Array }[] = [];
  let dump: string[] | undefined;
  for (const line of text.split("\n")) {
    const last = groups.at(-1);
    if (line === "head") dump = [];
    else if (line === "end" && last !== undefined && dump !== undefined) {
      const bytes = readDump(dump);
      // nothing read of a device that is there: not known, rather than empty
      if (bytes !== undefined && bytes.length > 0) last.head = bytes;
      dump = undefined;
    } else if (dump !== undefined) dump.push(line);
    else if (line.startsWith(`${kind} `)) groups.push({ line });
  }
  return groups;
}

/** What a device's head says; it could not be read where it is undefined. */
export function recogniseHead(head: Uint8Array | undefined, size: number, sparse = false): Recognised {
  if (head === undefined) return { format: "unknown", content: { type: "unknown", hint: "could not be read" } };
  return recognise(head, size, sparse);
}
