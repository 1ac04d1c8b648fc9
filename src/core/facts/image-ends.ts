import type { Command } from "../model/command.js";
import type { EndMark } from "../model/storage.js";
import { namedPaths, type DiskNames } from "./disk-targets.js";
import { known, unreadable, type SecondFact } from "./fact.js";
import { DUMP, readHeads, splitAtHeads } from "./read-head.js";
import { hasMagic, headOf } from "./superblock-bytes.js";

// Two readings a file: of where md's superblock of version 0.90 stands, and of the last two blocks of 4 KiB, in which 1.0 and
// DRBD have theirs. By dd alone, which can leave the access time as it is.
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
  for at in $((size / 65536 * 128 - 128)) $((size / 4096 * 8 - 16)); do
    if [ "$at" -ge 0 ]; then list="$list$at $1$newline"; fi
  done
  shift
done
if [ -z "$list" ]; then exit 0; fi
printf '%s' "$list"
echo heads
printf '%s' "$list" | {
  number=0
  while IFS= read -r line; do
    printf '%-64s' "converge-head $number"
    dd if="\${line#* }" bs=512 skip="\${line%% *}" count=16 iflag=noatime 2>/dev/null || dd if="\${line#* }" bs=512 skip="\${line%% *}" count=16 2>/dev/null
    number=$((number + 1))
  done
} | ${DUMP}
exit 0
`;

/** md_p.h of Linux. */
const MD_MAGIC = "\xfc\x4e\x2b\xa9";
/** At 60 in the last block (drbdmeta.c, md_on_disk_08 and meta_data_on_disk_9): DRBD 8's, that of one in use, DRBD 9's. */
const DRBD_MAGICS = ["\x83\x74\x02\x6b", "\x83\x74\x02\x6c", "\x83\x74\x02\x6d"];
const DRBD_AT = 4096;

/** What stands at the end of an image, by its path as configured. */
export type ImageEnds = readonly { readonly path: string; readonly mark: EndMark }[];

/**
 * What guests' own arrays and DRBD resources keep at the end of a disk. What is in these looks from its head like what is on the
 * disk itself: a file system that is a little smaller.
 */
export const fact: SecondFact<ImageEnds, DiskNames> = {
  name: "image-ends",
  round: 2,
  needs: ["stat", "dd", "od"],
  seconds: 120,
  command(first): Command | undefined {
    const paths = [...namedPaths(first)].sort();
    return paths.length === 0 ? undefined : ["sh", "-c", SCRIPT, "sh", ...paths];
  },
  parse(result) {
    if (result.exitCode !== 0) return unreadable("ends of images", result);
    const { lines, dump } = splitAtHeads(result.stdout);
    const heads = readHeads(dump ?? "");
    return known((dump === undefined ? [] : lines).flatMap((line, number): ImageEnds => {
      const match = /^(\d+) (.*)$/s.exec(line);
      const block = heads.get(number);
      if (match === null || block === undefined) return [];
      const [, sector = "0", path = ""] = match;
      const at = Number(sector) * 512;
      const head = headOf(block);
      return [
        ...(hasMagic(head, 0, MD_MAGIC) ? [{ path, mark: { kind: "md", at } } as const] : []),
        ...(DRBD_MAGICS.some((magic) => hasMagic(head, DRBD_AT + 60, magic)) ? [{ path, mark: { kind: "drbd", at: at + DRBD_AT } } as const] : []),
      ];
    }));
  },
};
