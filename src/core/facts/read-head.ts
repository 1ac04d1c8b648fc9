import { readDump } from "./dump.js";
import { recognise, type Recognised } from "./superblock.js";

/** Length of the record before each head in the stream. */
const RECORD = 64;
const HEAD = 8192;
const FIRST_LETTER = "c".charCodeAt(0);
const BLANK = " ".charCodeAt(0);

/**
 * The shell function `head_of NUMBER PATH [MAJOR:MINOR]`: writes a record and the first 8 KiB. A file is read
 * through the page cache, where a loop device's writes are; a block device past it, because blkback writes below
 * the cache of Dom0 and a page that was read earlier would be stale for as long as the guest holds the device open.
 * A suspended device is left alone: reading it would wait for ever.
 */
export const HEAD_FUNCTION = `
head_of() {
  printf '%-${RECORD}s' "converge-head $1"
  suspended=0
  if [ -n "\${3:-}" ] && [ -r "/sys/dev/block/$3/dm/suspended" ]; then
    read -r suspended <"/sys/dev/block/$3/dm/suspended"
  fi
  if [ "$suspended" = 1 ]; then return 0; fi
  if [ -b "$2" ]; then
    dd if="$2" bs=${HEAD} count=1 iflag=direct,noatime 2>/dev/null || dd if="$2" bs=${HEAD} count=1 2>/dev/null
  elif [ -f "$2" ]; then
    dd if="$2" bs=${HEAD} count=1 iflag=noatime 2>/dev/null || dd if="$2" bs=${HEAD} count=1 2>/dev/null
  fi
}
`;

/** For the end of a pipe from `head_of`: superblocks are mostly zero, so this is a fifth of their base64. */
export const DUMP = "od -A d -t x1";

/** What a script printed that ends with a line `heads` and the dump of them. */
export interface WithHeads {
  /** Lines before the heads; all lines where there are no heads. */
  readonly lines: readonly string[];
  /** What od(1) printed. */
  readonly dump?: string;
}

/** Parts what a script printed: the dump is most of it, and is not cut into lines. */
export function splitAtHeads(stdout: string): WithHeads {
  const at = /^heads$/m.exec(stdout)?.index;
  if (at === undefined) return { lines: stdout.split("\n") };
  return { lines: stdout.slice(0, at).split("\n").slice(0, -1), dump: stdout.slice(at + "heads\n".length) };
}

/**
 * The heads in a dump of what `head_of` wrote, by number; one that could not be read is not among them.
 * @param dump of od(1)
 */
export function readHeads(dump: string): ReadonlyMap<number, Uint8Array> {
  const heads = new Map<number, Uint8Array>();
  const stream = readDump(dump);
  if (stream === undefined) return heads;
  let at = 0;
  for (let number = 0; isRecord(stream, at, number); number += 1) {
    const start = at + RECORD;
    const whole = start + HEAD === stream.length || isRecord(stream, start + HEAD, number + 1);
    at = whole ? start + HEAD : nextRecord(stream, start, number + 1);
    // nothing read of a device that is there: not known, rather than empty
    if (at > start) heads.set(number, stream.subarray(start, at));
  }
  return heads;
}

function isRecord(stream: Uint8Array, at: number, number: number): boolean {
  if (at + RECORD > stream.length || stream[at] !== FIRST_LETTER) return false;
  const text = `converge-head ${number}`;
  for (let i = 0; i < text.length; i += 1) if (stream[at + i] !== text.charCodeAt(i)) return false;
  for (let i = text.length; i < RECORD; i += 1) if (stream[at + i] !== BLANK) return false;
  return true;
}

/** A device of less than 8 KiB is followed sooner. */
function nextRecord(stream: Uint8Array, from: number, number: number): number {
  const end = Math.min(stream.length, from + HEAD);
  for (let at = from; at < end; at += 1) if (isRecord(stream, at, number)) return at;
  return end;
}

/** What a device's head says; that it could not be read where there is none. */
export function recogniseHead(head: Uint8Array | undefined, size: number, sparse = false): Recognised {
  if (head === undefined) return { format: "unknown", content: { type: "unknown", hint: "could not be read" } };
  return recognise(head, size, sparse);
}
