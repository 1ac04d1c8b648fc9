# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The journal: one JSON line an event, appended in one go. `seq` is the number of its line.

SEQ=0
# the last event may not be there, or in part: the disk was full
TORN=0

# journal EVENT [KEY VALUE]…
journal() {
  local event
  event=$1
  shift
  [ "$TORN" -eq 0 ] || close_torn || return 0
  SEQ=$((SEQ + 1))
  epoch
  json_object 'at#' "$NOW" 'seq#' "$SEQ" event "$event" "$@"
  # a full disk must not end a run that could bring a guest back
  printf '%s\n' "$JSON" >>"$JOURNAL" || TORN=1
}

# close_torn: what is there of the last event becomes a line of its own, which readers pass over: an event behind it in the
# same line would be lost with it. Not cut off, as in open_journal: whoever follows may have read it. 1: the disk is full still.
close_torn() {
  if [ -s "$JOURNAL" ] && is_torn "$JOURNAL"; then
    printf '\n' >>"$JOURNAL" || return
  fi
  lines_in "$JOURNAL"
  SEQ=$LINES_IN TORN=0
}

# journal_kept EVENT…: the same, and on disk
journal_kept() {
  journal "$@"
  kept "$JOURNAL"
}

# lines_in FILE: sets LINES_IN; of one that can not be read, 0
lines_in() {
  LINES_IN=0
  [ ! -r "$1" ] || LINES_IN=$(($(wc -l <"$1")))
}

# is_torn FILE: its last line has no end. By od: see open_journal.
is_torn() {
  [ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' \n')" != 0a ]
}

# open_journal: goes on after the last whole line; a torn one is cut off. After a power cut it may be one of zeros, which
# a shell's variables do not hold (seen on ext4): hence od.
open_journal() {
  local torn
  mkdir -p "$HERE/out" "$HERE/copies" "$HERE/loops"
  [ -e "$JOURNAL" ] || printf '' >"$JOURNAL"
  if [ -s "$JOURNAL" ] && is_torn "$JOURNAL"; then
    torn=$(tail -n 1 "$JOURNAL" | wc -c)
    truncate -s "-$((torn))" "$JOURNAL"
  fi
  lines_in "$JOURNAL"
  SEQ=$LINES_IN
}

# an `end` event, all of it. Quotes inside of strings are escaped: nothing else looks like it.
readonly END_EVENT='^{"at":[0-9.]*,"seq":[0-9]*,"event":"end",.*}$'

# journal_ended [LINES]: the `end` event is in it, or in so many lines of it. One that a full disk has cut short is none: nobody
# can read it.
journal_ended() {
  [ -e "$JOURNAL" ] || return
  head -n "${1:-$(($(wc -l <"$JOURNAL")))}" "$JOURNAL" | grep -q "$END_EVENT"
}

# tail_of FILE: the end of what a command printed, in whole lines where they are not too long
tail_of() {
  [ -r "$1" ] || return 0
  tail -c 2000 "$1" | tr '\r' '\n' | tail -n 3 | tail -c 600
}
