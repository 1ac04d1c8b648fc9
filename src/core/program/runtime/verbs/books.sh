# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What the books of a guest say of files that converge renamed: only what stands there is ever removed later.

verb_retire_image() { # DOMAIN VDEV VOLUME PATH RETIRED [KEEP_FOR] -- COMMAND…
  local domain vdev volume path retired keep inode bytes mtime
  domain=$1 vdev=$2 volume=$3 path=$4 retired=$5 keep=
  shift 5
  [ "$1" = -- ] || { keep=$1 && shift; }
  shift
  # which file it is, for whoever removes it later: another may have come under its name by then
  read -r inode bytes mtime <<LINE
$(stat -c '%i %s %Y' -- "$path" 2>/dev/null)
LINE
  [ -n "${mtime:-}" ] || {
    says "$path is not there"
    return 1
  }
  [ ! -e "$retired" ] && [ ! -L "$retired" ] || {
    says "$retired is there already"
    return 1
  }
  # first the word, then the deed: an entry about a file that is not there harms nobody
  json_object domain "$domain" vdev "$vdev" volume "$volume" path "$path" retired "$retired" \
    'inode#' "$inode" 'bytes#' "$bytes" 'mtime#' "$mtime" 'at#' "$(date +%s)" ${keep:+'keepFor#' "$keep"}
  add_line "$BOOK/retired.jsonl" "$JSON" || {
    says "cannot write $BOOK/retired.jsonl"
    return 1
  }
  run_command "$@"
}

# discard_retired PATH INODE BYTES MTIME -- COMMAND…: the file that the books say was retired, and no other
verb_discard_retired() {
  local entry found
  json_object retired "$1" 'inode#' "$2" 'bytes#' "$3" 'mtime#' "$4"
  entry=${JSON#?}
  grep -qsF -- "${entry%?}" "$BOOK/retired.jsonl" || {
    says "the books do not say that $1 was retired"
    return 1
  }
  found=$(stat -c '%i %s %Y' -- "$1" 2>/dev/null)
  [ -f "$1" ] && [ ! -L "$1" ] && [ "$found" = "$2 $3 $4" ] || {
    says "$1 is not the file that was retired: is ${found:-not there}, was $2 $3 $4"
    return 1
  }
  shift 5
  run_command "$@"
}

verb_forget_run() { # RUN -- COMMAND…
  local run
  run=$BOOK/runs/$1
  case $1 in
    '' | .* | */*)
      says "$1 is no name of a run"
      return 1
      ;;
  esac
  [ ! -L "$run" ] && [ "$run" != "$HERE" ] || {
    says "$1 is not an old run's directory"
    return 1
  }
  [ -d "$run" ] || return 0
  [ -e "$run/ended" ] && [ ! -e "$run/unfinished" ] &&
    ! grep -qsF "/runs/$1/" "$UNITS/converge-boot-$SAFE.service" "$BOOK"/runs/*/before || {
    says "the run $1 has left something to do"
    return 1
  }
  shift 2
  run_command "$@"
}
