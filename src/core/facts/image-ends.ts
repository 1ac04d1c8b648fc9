import type { Command } from "../model/command.js";
import type { EndMark } from "../model/storage.js";
import { namedPaths, type DiskNames } from "./disk-targets.js";
import { known, unreadable, type SecondFact } from "./fact.js";

/** What is read of each image, in bytes: md's superblock of version 0.90 begins at most 128 KiB before its end. */
const WINDOW = 131_072;
/** `converge-end0007`: what stands before each window. */
const RECORD = 16;

// One reading a file, by dd, which can leave the access time as it is. All that is told of what is read is where a magic number
// stands: what else lies there is the guest's own, and facts are kept. od shows lines that repeat as one.
const SCRIPT = `
newline='
'
files=
for path in "$@"; do
  if [ -f "$path" ]; then files="$files$path$newline"; fi
done
if [ -z "$files" ]; then exit 0; fi
set -f
IFS=$newline
set -- $files
sizes=$(stat -L -c %s -- "$@") || exit 1
list=
for size in $sizes; do
  if [ "$size" -ge ${WINDOW} ]; then list="$list$size $1$newline"; fi
  shift
done
if [ -z "$list" ]; then exit 0; fi
printf '%s' "$list"
echo ends
printf '%s' "$list" | {
  number=0
  while IFS= read -r line; do
    printf 'converge-end%04d' "$number"
    skip=$((\${line%% *} / 4096 - ${WINDOW / 4096}))
    dd if="\${line#* }" bs=4096 skip="$skip" count=${WINDOW / 4096} iflag=noatime 2>/dev/null ||
      dd if="\${line#* }" bs=4096 skip="$skip" count=${WINDOW / 4096} 2>/dev/null
    number=$((number + 1))
  done
} | od -A d -t x1 | awk '
  $2 == "fc" && $3 == "4e" && $4 == "2b" && $5 == "a9" { print "md", $1 }
  $14 == "83" && $15 == "74" && $16 == "02" && $17 ~ /^6[bcd]$/ { print "drbd", $1 }
  $2 == "63" && $0 ~ /^[0-9]+ 63 6f 6e 76 65 72 67 65 2d 65 6e 64 3[0-9] 3[0-9] 3[0-9] 3[0-9]/ {
    print "from", $1, substr($14, 2) substr($15, 2) substr($16, 2) substr($17, 2)
  }
  NF == 1 && $1 != "*" { print "until", $1 }'
exit 0
`;

/** What stands at the end of an image, by its path as configured. */
export type ImageEnds = readonly { readonly path: string; readonly mark: EndMark }[];

/**
 * What guests' own arrays and DRBD resources keep at the end of a disk. What is in these looks from its head like what is on the
 * disk itself: a file system that is a little smaller.
 */
export const fact: SecondFact<ImageEnds, DiskNames> = {
  name: "image-ends",
  round: 2,
  seconds: 120,
  command(first): Command | undefined {
    const paths = [...namedPaths(first)].sort();
    return paths.length === 0 ? undefined : ["sh", "-c", SCRIPT, "sh", ...paths];
  },
  parse(result) {
    if (result.exitCode !== 0) return unreadable("ends of images", result);
    const lines = result.stdout.split("\n");
    const named = lines.slice(0, Math.max(0, lines.indexOf("ends"))).map((line) => /^(\d+) (.*)$/s.exec(line));
    const found = lines.slice(named.length + 1).map((line) => line.split(" "));
    const ends: { readonly path: string; readonly mark: EndMark }[] = [];
    let from = 0;
    for (const [number, match] of named.entries()) {
      const next = nextRecord(found, number + 1, from + RECORD, named.length);
      const [, size = "0", path = ""] = match ?? [];
      // one that could not be read, or not to its end, has none that anybody could know of
      if (next - from === RECORD + WINDOW) ends.push(...marksIn(found, from + RECORD, Number(size)).map((mark) => ({ path, mark })));
      from = next;
    }
    return known(ends);
  },
};

/** Where the next record begins, in bytes: as a rule a whole window later. What looks like one may be a guest's own. */
function nextRecord(found: readonly (readonly string[])[], number: number, from: number, all: number): number {
  const begins = found.flatMap(([word, at, which]) => {
    const isIt = number === all ? word === "until" : word === "from" && Number(which) === number;
    return isIt && Number(at) >= from ? [Number(at)] : [];
  });
  return begins.includes(from + WINDOW) ? from + WINDOW : begins[0] ?? Infinity;
}

/** @param from where its window begins */
function marksIn(found: readonly (readonly string[])[], from: number, size: number): readonly EndMark[] {
  const start = Math.floor(size / 4096) * 4096 - WINDOW;
  const stands = (word: string, at: number): boolean => found.some(([is, where]) => is === word && Number(where) === from + at - start);
  const last = start + WINDOW - 4096;
  // md_p.h of Linux: a multiple of 64 KiB, and of 1.0 the last but one of 4 KiB
  const arrays = [Math.floor(size / 65_536) * 65_536 - 65_536, last - 4096].filter((at) => stands("md", at));
  // at 60 in the last block (drbdmeta.c, md_on_disk_08 and meta_data_on_disk_9): DRBD 8's, that of one in use, DRBD 9's
  const resources = stands("drbd", last + 48) ? [last] : [];
  return [...arrays.map((at): EndMark => ({ kind: "md", at })), ...resources.map((at): EndMark => ({ kind: "drbd", at }))];
}
