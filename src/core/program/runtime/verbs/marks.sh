# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What a disk's file system uses, marked for a mirror that is to copy no more than that.

# A mirror's log on a device (drivers/md/dm-log.c): `MiRr`, version 2 and the number of regions, little endian; from byte
# 1024 on a bit a region, lowest first, in whole words of 64: 1 is clean, that is, not copied.
readonly LOG_HEAD='rRiM\0002\0000\0000\0000'

# mark_used NAME IMAGE LINK BYTES SECTORS TYPE
# SECTORS: of a region. TYPE: swap, or ext2, 3 or 4. Always anew, since it is worth something only while nobody has the
# image: what is not marked is not copied.
verb_mark_used() {
  local name image link bytes region total words pages first rest
  name=$1 image=$2 link=$3 bytes=$4 region=$(($5 * 512))
  ours "$link" && verb_drop_marks "$link" || return
  domid_of "$DOMAIN"
  case $? in
    0)
      says "$DOMAIN runs: what its file system calls free may be in use by now"
      return 1
      ;;
    1) ;;
    *) return 1 ;;
  esac
  mkdir -p -- "${link%/*}" "$HERE/marked" || return
  total=$(((bytes + region - 1) / region))
  case $6 in
    swap) free_of_swap "$image" "$bytes" ;;
    *)
      # what it prints of a large one does not fit a variable
      dumpe2fs "$image" >"$link.map" 2>>"$OUT" </dev/null 9>&- || printf '' >"$link.map"
      awk "$FREE_OF_EXT" "$link.map"
      ;;
  esac >"$link.free" && awk -v total="$total" -v bytes="$bytes" -v region="$region" "$BITS_OF_FREE" "$link.free" >"$link.map" &&
    { read -r first rest <"$link.map"; } || {
    says "cannot mark what $image uses"
    return 1
  }
  # the bits, in whole words, behind a header of 1,024 bytes; a device is in whole pages
  words=$(((total + 63) / 64))
  pages=$(((1024 + words * 8 + 4095) / 4096))
  {
    printf '%b' "$LOG_HEAD" && little_endian "$total"
  } >"$link.bits" && truncate -s 1024 -- "$link.bits" && tail -n +2 -- "$link.map" | as_bytes >>"$link.bits" && truncate -s $((pages * 4096)) -- "$link.bits" || {
    says "cannot write $link.bits"
    return 1
  }
  rm -f -- "$link.map" "$link.free"
  write_kept "$HERE/marked/$name" "$((bytes - first))" || return
  if [ -z "$rest" ]; then
    journal note message "of $image only what is in use is copied: $(mib "$first") of $(mib "$bytes")"
  else
    journal note message "all of $image is copied: $rest"
  fi
  verb_attach_loop "$link" "$link.bits" -- losetup --find --show "$link.bits"
}

# little_endian NUMBER: its eight bytes
little_endian() {
  local number at
  number=$1 at=0
  while [ "$at" -lt 8 ]; do
    printf '%b' "\\0$((number / 64 % 4))$((number / 8 % 8))$((number % 8))"
    number=$((number / 256)) at=$((at + 1))
  done
}

# as_bytes: lines of octal escapes from standard input
as_bytes() {
  local line
  while IFS= read -r line; do
    printf '%b' "$line" || return
  done
}

# Prints `all WHY`, or `free FIRST END` lines: bytes from FIRST to before END that hold nothing, in order.
# shellcheck disable=SC2016 # awk's
readonly FREE_OF_EXT='
/^Filesystem features:/ { features = $0 " " }
/^Filesystem state:/ { state = $0; sub(/^[^:]*: */, "", state); sub(/ *$/, "", state) }
/^Block count:/ { blocks = $3 }
/^Free blocks:/ { free = $3 }
/^Block size:/ { size = $3 }
/^  Free blocks:/ {
  sub(/^[^:]*: */, "")
  parts = split($0, part, /, */)
  for (at = 1; at <= parts; at++) {
    if (part[at] == "") continue
    if (part[at] !~ /^[0-9]+(-[0-9]+)?$/) { odd = 1; continue }
    ends = split(part[at], end, "-")
    from = end[1] + 0
    to = end[ends] + 0
    if (to < from || to >= blocks + 0 || (count > 0 && from <= last[count])) { odd = 1; continue }
    seen += to - from + 1
    if (count > 0 && from == last[count] + 1) last[count] = to
    else { first[++count] = from; last[count] = to }
  }
}
END {
  if (size == "" || blocks == "" || free == "") why = "dumpe2fs can not read its file system"
  else if (features ~ / needs_recovery /) why = "the journal of its file system is not replayed: it was not unmounted"
  else if (features ~ / orphan_present /) why = "its file system was not unmounted"
  else if (features ~ / bigalloc /) why = "its file system counts in clusters"
  else if (state != "clean") why = "its file system is " state
  else if (odd || seen + 0 != free + 0) why = "the free map of its file system and its superblock disagree"
  if (why != "") { print "all " why; exit }
  for (at = 1; at <= count; at++) printf "free %.0f %.0f\n", first[at] * size, (last[at] + 1) * size
}'

# The first line: how many bytes are to be copied, and why, where that is all. Then the bits, as octal escapes.
# shellcheck disable=SC2016 # awk's
readonly BITS_OF_FREE='
function mark(number) { bits[int(number / 8)] += 2 ^ (number % 8) }
/^all / { why = substr($0, 5) }
/^free / {
  from = int(($2 + region - 1) / region)
  to = $3 >= bytes ? total : int($3 / region)
  if (to <= from) next
  clean += to == total ? bytes - from * region : (to - from) * region
  while (from < to && from % 8 != 0) mark(from++)
  while (from + 8 <= to) { bits[from / 8] = 255; from += 8 }
  while (from < to) mark(from++)
}
END {
  printf "%.0f%s\n", bytes - clean, why == "" ? "" : " " why
  last = int((total + 63) / 64) * 8
  for (at = 0; at < last; at++) {
    byte = bits[at] + 0
    printf "\\0%d%d%d%s", int(byte / 64), int(byte / 8) % 8, byte % 8, at % 64 == 63 || at == last - 1 ? "\n" : ""
  }
}'

# free_of_swap IMAGE BYTES: what was swapped out has come to its end with the guest, and only the head is read again
free_of_swap() {
  local place
  # at the end of the first page: of 4 KiB, or of 64
  for place in 4086 65526; do
    case $(dd if="$1" bs=1 skip="$place" count=10 status=none 2>>"$OUT" 9>&- | tr -d '\000') in
      SWAPSPACE2)
        echo "free 65536 $2"
        return
        ;;
    esac
  done
  # the signature of one that was suspended to disk is another
  echo 'all it is no swap space, or a system has been suspended to it'
}

# drop_marks LINK: nothing is copied by them any more
verb_drop_marks() {
  ours "$1" && verb_detach_loop "$1" && rm -f -- "$1.bits" "$1.map" "$1.free"
}
