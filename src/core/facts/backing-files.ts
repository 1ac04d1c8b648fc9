import type { Command } from "../model/command.js";
import type { Layer, Layers } from "../model/storage.js";
import { devnoOf, devnoOfHex } from "./devno.js";
import { configuredPaths, type DiskNames } from "./disk-targets.js";
import { known, unreadable, type SecondFact } from "./fact.js";

/** More files than this below one disk are nobody's, or go round in a circle. */
const MOST = 32;

// docs/interop/qcow2.txt of QEMU, all big-endian: version at 4, where the backing file's name is at 8, its length at 16, incompatible
// features at 72 (4: a data file), length of the header at 100; behind that the extensions, each of type, length and data padded to 8:
// 0xE2792ACA is the format of the backing file, 0x44415441 the name of the data file. All of it is in the first cluster, 2 MiB at most.
// Chains are followed here, so that it is one round trip. What names no file (`json:`, `nbd:`) may have a password in it and is not told.
const SCRIPT = `
LC_ALL=C
newline='
'
set -f
bytes() {
  dd if="$1" bs=1 skip="$2" count="$3" iflag=noatime 2>/dev/null || dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null
}
numbers() { bytes "$@" | od -A n -v -t u1; }
words_at() {
  words=
  if [ "$3" -lt 1 ] || [ "$3" -gt 1023 ]; then return 1; fi
  words=$(bytes "$@" | tr -d '\\000')
  case $words in *"$newline"*) return 1 ;; esac
  [ "\${#words}" -eq "$3" ]
}
untold() { printf 'untold %s\\n' "$1"; }
below() {
  case $2 in
    /*) ;;
    *:*) case \${2%%:*} in */*) ;; *) untold "a name that is no file's"; return ;; esac ;;
  esac
  case $2 in
    /*) todo="$todo$1 $2$newline" ;;
    *)
      real=$(readlink -f -- "$file")
      todo="$todo$1 \${file%/*}/$2$newline"
      # QEMU goes by the name that it was given; under the one that a link means there may be another file
      if [ "\${real%/*}" != "\${file%/*}" ] && [ -e "\${real%/*}/$2" ]; then todo="$todo$1 \${real%/*}/$2$newline"; fi
      ;;
  esac
}
head_of() {
  set -- $(numbers "$file" 0 104)
  if [ "$#" -lt 104 ] && [ "$(stat -L -c %s -- "$file")" != "$#" ]; then
    untold "$file, which can not be read"
    return
  fi
  if [ "$#" -lt 104 ] || [ "$1 $2 $3 $4 $5 $6 $7" != "81 70 73 251 0 0 0" ]; then
    if [ "$depth" -gt 1 ] && [ "$format" = - ]; then
      case "$1 $2 $3 $4" in
        "81 70 73 251" | "81 69 68 0" | "75 68 77 86" | "67 79 87 68" | "35 "* | "118 101 114 115" | "99 111 110 101" | "118 104 100 120") ;;
        *) return ;;
      esac
    fi
    untold "$file, which is no qcow2 that can be read"
    return
  fi
  version=$8
  at=72
  data=0
  if [ "$version" -ge 3 ]; then
    at=$(((\${101} * 256 + \${102}) * 65536 + \${103} * 256 + \${104}))
    data=$((\${80} & 4))
  fi
  high=$(($9 + \${10} + \${11} + \${12}))
  from=$(((\${13} * 256 + \${14}) * 65536 + \${15} * 256 + \${16}))
  size=$(((\${17} * 256 + \${18}) * 65536 + \${19} * 256 + \${20}))
  if [ "$version" -lt 2 ] || [ "$version" -gt 3 ] || [ "$high" -ne 0 ] || [ "$from" -gt 2097152 ] || [ "$at" -gt 65536 ]; then
    untold "$file, whose head is none"
    return
  fi
  told=-
  datafile=
  end=$from
  if [ "$end" -eq 0 ]; then end=2097152; fi
  count=0
  while [ "$((at + 8))" -le "$end" ]; do
    count=$((count + 1))
    set -- $(numbers "$file" "$at" 8)
    if [ "$#" -lt 8 ] || [ "$count" -gt 32 ]; then
      untold "$file, whose head has no end"
      return
    fi
    length=$((($5 * 256 + $6) * 65536 + $7 * 256 + $8))
    case "$1 $2 $3 $4" in
      "0 0 0 0") break ;;
      "226 121 42 202")
        if ! words_at "$file" "$((at + 8))" "$length"; then words=unclear; fi
        case $words in *[!a-z0-9]*) told=unclear ;; *) told=$words ;; esac
        ;;
      "68 65 84 65") if words_at "$file" "$((at + 8))" "$length"; then datafile=$words; fi ;;
    esac
    at=$((at + 8 + (length + 7) / 8 * 8))
  done
  if [ "$data" -ne 0 ]; then
    # a relative one is looked for where QEMU happens to be
    case $datafile in
      /*) below raw "$datafile" ;;
      *) untold "the file of its data, which it does not say" ;;
    esac
  fi
  if [ "$from" -eq 0 ]; then return; fi
  if words_at "$file" "$from" "$size"; then below "$told" "$words"; else untold "$file, in which the name can not be read"; fi
}
for disk in "$@"; do
  if [ ! -f "$disk" ] && [ ! -b "$disk" ]; then continue; fi
  printf 'disk %s\\n' "$disk"
  todo="- $disk$newline"
  depth=0
  while [ -n "$todo" ]; do
    entry=\${todo%%"$newline"*}
    todo=\${todo#*"$newline"}
    format=\${entry%% *}
    file=\${entry#* }
    depth=$((depth + 1))
    if [ "$depth" -gt ${MOST} ]; then
      untold "what lies below so many files"
      break
    fi
    if [ "$depth" -gt 1 ]; then
      if ! seen=$(stat -L -c '%f %i %d %t:%T' -- "$file" 2>/dev/null); then
        untold "$file, which is not there"
        continue
      fi
      printf 'layer %s %s\\n' "$seen" "$file"
      if [ "$format" = raw ]; then continue; fi
    fi
    if [ -f "$file" ] || [ "$depth" -eq 1 ]; then head_of; else untold "$file, which nobody says is raw"; fi
  done
done
echo told
`;

/** What lies below the disks that may be laid over others, by their paths as configured. */
export type BackingFiles = readonly { readonly path: string; readonly layers: Layers }[];

/**
 * Over which files the qcow2 disks of guests are laid, by their own heads: of a guest that is down no QEMU could say it. What its
 * config says is raw is not looked into: a guest writes to the head of such a disk what it likes.
 */
export const fact: SecondFact<BackingFiles, DiskNames> = {
  name: "backing-files",
  round: 2,
  seconds: 120,
  command(first): Command | undefined {
    const paths = [...configuredPaths(first, ({ format }) => format !== "raw")].sort();
    return paths.length === 0 ? undefined : ["sh", "-c", SCRIPT, "sh", ...paths];
  },
  parse(result) {
    const lines = result.stdout.split("\n");
    if (result.exitCode !== 0 || lines.at(-2) !== "told") return unreadable("files below guests' disks", result);
    const found: { readonly path: string; readonly files: Layer[]; untold?: string }[] = [];
    for (const line of lines.slice(0, -2)) {
      const [, word, rest = ""] = /^(disk|layer|untold) (.*)$/s.exec(line) ?? [];
      const last = found.at(-1);
      if (word === "disk") found.push({ path: rest, files: [] });
      else if (word === undefined || last === undefined) return unreadable("files below guests' disks", result, "it makes no sense");
      else if (word === "untold") last.untold ??= rest;
      else {
        const layer = readLayer(rest);
        if (layer === undefined) last.untold ??= "a file of which nothing can be read";
        else last.files.push(layer);
      }
    }
    return known(found.map(({ path, files, untold }) => ({ path, layers: { files, ...(untold === undefined ? {} : { untold }) } })));
  },
};

/** stat(2), st_mode: S_IFREG, S_IFBLK. */
const [TYPE, FILE, BLOCK] = [0xf000, 0x8000, 0x6000];

function readLayer(text: string): Layer | undefined {
  const [, mode = "", inode = "", device = "", own = "", path = ""] = /^([0-9a-f]+) (\d+) (\d+) (\S+) (.+)$/s.exec(text) ?? [];
  const type = parseInt(mode, 16) & TYPE;
  if (type === FILE) return { path, inode: Number(inode), devno: devnoOf(Number(device)) };
  const rdevno = devnoOfHex(own);
  return type === BLOCK && rdevno !== undefined ? { path, inode: Number(inode), devno: devnoOf(Number(device)), rdevno } : undefined;
}
