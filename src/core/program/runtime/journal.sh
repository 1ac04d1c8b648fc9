# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The journal: one JSON line an event, appended in one go. `seq` is the number of its line.

SEQ=0

# journal EVENT [KEY VALUE]…
journal() {
  local event
  event=$1
  shift
  SEQ=$((SEQ + 1))
  epoch
  json_object 'at#' "$NOW" 'seq#' "$SEQ" event "$event" "$@"
  # a full disk must not end a run that could bring a guest back
  printf '%s\n' "$JSON" >>"$JOURNAL" || :
}

# journal_kept EVENT…: the same, and on disk
journal_kept() {
  journal "$@"
  kept "$JOURNAL"
}

# open_journal: goes on after the last whole line; a torn one is cut off. After a power cut it may be one of zeros, which
# a shell's variables do not hold (seen on ext4): hence od.
open_journal() {
  local torn
  mkdir -p "$HERE/out" "$HERE/copies" "$HERE/loops"
  [ -e "$JOURNAL" ] || : >"$JOURNAL"
  if [ -s "$JOURNAL" ] && [ "$(tail -c 1 "$JOURNAL" | od -An -tx1 | tr -d ' \n')" != 0a ]; then
    torn=$(tail -n 1 "$JOURNAL" | wc -c)
    truncate -s "-$((torn))" "$JOURNAL"
  fi
  SEQ=$(($(wc -l <"$JOURNAL")))
}

# journal_ended: the `end` event is in it. Quotes inside of strings are escaped: nothing else looks like it.
journal_ended() {
  grep -q ',"event":"end",' "$JOURNAL" 2>/dev/null
}

# tail_of FILE: the end of what a command printed, in whole lines where they are not too long
tail_of() {
  [ -r "$1" ] || return 0
  tail -c 2000 "$1" | tr '\r' '\n' | tail -n 3 | tail -c 600
}
