import type { Command } from "../model/command.js";
import type { Scanning, Signature } from "../model/scanning.js";
import { mdAssembles } from "../model/scanning.js";
import { namedPaths, type DiskNames } from "./disk-targets.js";
import { known, unreadable, type SecondFact } from "./fact.js";
import { DUMP, readHeads, splitAtHeads } from "./read-head.js";
import { hasMagic, headOf } from "./superblock-bytes.js";
import { otherSignatures } from "./superblock-other.js";

// Partitions are read as od(1) prints them: of an MBR its four entries, of a GPT those in its first 16 KiB. Logical
// partitions are not followed.
const SCRIPT = `
tails=$1 partitions=$2
shift 2
newline='
'
files=
for path in "$@"; do
  if [ -f "$path" ]; then files="$files$path$newline"; fi
done
if [ -z "$files" ]; then exit 0; fi
read_sectors() { dd if="$1" bs=512 skip="$2" count="$3" iflag=noatime 2>/dev/null; }
gpt_of() {
  read_sectors "$1" 2 32 | od -A n -v -t u4 -w128 | while read -r type a b c d e f g low high rest; do
    if [ "$type" != 0 ]; then echo "$((high * 4294967296 + low))"; fi
  done
}
partitions_of() {
  read_sectors "$1" 0 1 | od -A n -v -t u1 -w16 -j 446 -N 64 | while read -r f a b c type d e g s0 s1 s2 s3 rest; do
    case $type in
      0 | 5 | 15 | 133) ;;
      238) gpt_of "$1" ;;
      *) echo "$(((s3 * 256 + s2) * 65536 + s1 * 256 + s0))" ;;
    esac
  done
}
set -f
IFS=$newline
set -- $files
sizes=$(stat -L -c %s -- "$@") || exit 1
list=
add() { if [ "$1" -ge 0 ]; then list="$list$1 $2 $path$newline"; fi; }
for size in $sizes; do
  path=$1
  shift
  if [ "$tails" = 1 ]; then
    add $((size / 65536 * 128 - 128)) 0.90
    add $(((size / 512 - 16) / 8 * 8)) 1.x
  fi
  if [ "$partitions" = 1 ]; then
    unset IFS
    starts=$(partitions_of "$path")
    IFS=$newline
    for start in $starts; do add "$start" partition; done
  fi
done
if [ -z "$list" ]; then exit 0; fi
printf '%s' "$list"
echo heads
printf '%s' "$list" | {
  number=0
  while IFS= read -r line; do
    path=\${line#* }
    path=\${path#* }
    printf '%-64s' "converge-head $number"
    read_sectors "$path" "\${line%% *}" 16
    number=$((number + 1))
  done
} | ${DUMP}
exit 0
`;

/** md_p.h of Linux. */
const MD_MAGIC = "\xfc\x4e\x2b\xa9";

/** Signatures that are not at the head of an image, by its path as configured. */
export type HiddenSignatures = readonly { readonly path: string; readonly signature: Signature }[];

/**
 * What an image's head does not show and Dom0 could take up all the same: md's older superblocks, which stand at the end,
 * and what is in partitions. Asked only where Dom0 would take up such a thing.
 */
export const fact: SecondFact<HiddenSignatures, DiskNames & { readonly scanning?: Scanning }> = {
  name: "hidden-signatures",
  round: 2,
  seconds: 120,
  command(first): Command | undefined {
    const { md, loopPartitions = 0 } = first.scanning ?? {};
    const tails = md !== undefined && (mdAssembles("0.90", md) || mdAssembles("1.x", md));
    if (!tails && loopPartitions === 0) return undefined;
    const paths = [...namedPaths(first)].sort();
    return paths.length === 0 ? undefined : ["sh", "-c", SCRIPT, "sh", tails ? "1" : "0", loopPartitions > 0 ? "1" : "0", ...paths];
  },
  parse(result) {
    if (result.exitCode !== 0) return unreadable("signatures inside of images", result);
    const { lines, dump } = splitAtHeads(result.stdout);
    const heads = readHeads(dump ?? "");
    return known((dump === undefined ? [] : lines).flatMap((line, number) => {
      const match = /^\d+ (0\.90|1\.x|partition) (.*)$/s.exec(line);
      const block = heads.get(number);
      if (match === null || block === undefined) return [];
      const [, what = "", path = ""] = match;
      return signaturesIn(block, what).map((signature) => ({ path, signature }));
    }));
  },
};

function signaturesIn(block: Uint8Array, what: string): readonly Signature[] {
  const head = headOf(block);
  if (what === "0.90" || what === "1.x") return hasMagic(head, 0, MD_MAGIC) ? [{ kind: "md", metadata: what, partition: false }] : [];
  return stackedIn(otherSignatures(head)).map((signature) => ({ ...signature, partition: true }));
}

/** What of the things that a head shows Dom0 would take up. */
export function stackedIn(names: readonly string[]): readonly Signature[] {
  return [
    ...(names.some((name) => name.includes("LVM physical volume")) ? [{ kind: "lvm", partition: false } as const] : []),
    ...(names.some((name) => name.includes("member of an md array")) ? [{ kind: "md", metadata: "1.x", partition: false } as const] : []),
  ];
}
