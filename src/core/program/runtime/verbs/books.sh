# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What the books of a guest say of files that converge renamed: only what stands there is ever removed later.

verb_retire_image() { # DOMAIN VDEV VOLUME PATH RETIRED -- COMMAND…
  # first the word, then the deed: an entry about a file that is not there harms nobody
  json_object domain "$1" vdev "$2" volume "$3" path "$4" retired "$5" 'at#' "$(date +%s)"
  printf '%s\n' "$JSON" >>"$BOOK/retired.jsonl" && kept "$BOOK/retired.jsonl" || {
    says "cannot write $BOOK/retired.jsonl"
    return 1
  }
  shift 6
  run_command "$@"
}
