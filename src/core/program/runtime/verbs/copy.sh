# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Copies: run in the background, in a process group of their own, and looked after while they run.

PASS_CENTIS=0
PASS_BYTES=0

# if_no_room TARGET: said before a copy, of that copy. A changed file is written anew beside the old one, for which there may be no
# room. Then what is to be replaced is taken out of the copy first: nobody has it yet, and the source has all of it.
verb_if_no_room() {
  ROOM_IN=$1
}
ROOM_IN=
# ids of copies that have met that: from then on each of their passes begins with it
CRAMPED=

# parted SOURCE TARGET: said before a copy, of that copy. Two names of one file in TARGET that are of two in SOURCE by now, and look
# alike, rsync leaves as they are (seen, 3.5, with --checksum too): what is done to one of them, a mode that it is given, is done to
# both, and so is what the guest writes to one later. They are taken out of TARGET first.
verb_parted() {
  PARTED_FROM=$1 PARTED_IN=$2
}
PARTED_FROM=
PARTED_IN=

# unless_shut_down: said before a copy, of that copy. Where the guest was destroyed or has crashed, its last writes may be on its disk under
# a file's old time, and every file is compared. What that takes no pass has measured: it has four times as long as the longest of
# them, which read each file once at the least, and a minute.
verb_unless_shut_down() {
  COMPARE_ALL=$NOT_SHUT_DOWN
  # right before it was asked to go
  [ -n "$COMPARE_ALL" ] || [ "$SEEN_GOING" -eq 1 ] || COMPARE_ALL="$DOMAIN went before it was asked to shut down"
}
COMPARE_ALL=

verb_copy() { # ID ROLE -- COMMAND…
  local id role began took room from into all gently ended
  id=$1 role=$2 room=$ROOM_IN from=$PARTED_FROM into=$PARTED_IN all=$COMPARE_ALL ROOM_IN='' PARTED_FROM='' PARTED_IN='' COMPARE_ALL=''
  shift 3
  # what is before rsync, so that what goes before it is no less gentle with the host: words without blanks (steps/throttle.ts)
  gently=$*
  case $gently in *'rsync '*) gently=${gently%%rsync *} ;; *) gently='' ;; esac
  if [ -n "$all" ]; then
    journal note message "$all: every file is compared, which takes longer than was forecast"
    set -- "$@" --checksum
  fi
  COPY_LIMIT=0 COPY_NAP=0.25
  if [ "$role" = last ]; then
    COPY_NAP=0.1
    forecast_of "$id"
    COPY_LIMIT=$((FORECAST_OF * 3))
    [ "$COPY_LIMIT" -ge $((FORECAST_OF + 500)) ] || COPY_LIMIT=$((FORECAST_OF + 500))
    [ "$FORECAST_OF" -gt 0 ] || COPY_LIMIT=0
    if [ -n "$all" ] && [ "$COPY_LIMIT" -gt 0 ]; then
      COPY_LIMIT=$((COPY_LIMIT + 6000 + 4 * $(awk '$2 > most { most = $2 } END { print most + 0 }' "$HERE/copies/$id")))
    fi
  fi
  uptime_now
  began=$UPTIME COPY_BEGAN=$UPTIME
  [ -z "$into" ] || part_names "$id" "$from" "$into" "$gently" || return
  case " $CRAMPED " in
    *" $id "*) copy_cramped "$id" "$room" "$@" || return ;;
    *) looked_after "$id" "$@" || return ;;
  esac
  if [ "$STATUS" -ne 0 ] && [ -n "$room" ] && found_no_room; then
    case " $CRAMPED " in
      *" $id "*) ;;
      *)
        CRAMPED="$CRAMPED $id"
        journal watch id "$ID" what "$room" value 'no room for a changed file' acted 'what is to be replaced goes first'
        copy_cramped "$id" "$room" "$@" || return
        ;;
    esac
  fi
  uptime_now
  took=$((UPTIME - began))
  [ "$role" = last ] && [ "$STATUS" -eq 0 ] || report_progress "$id" "$OUT"
  if [ "$STATUS" -ne 0 ]; then
    # who looks may wait for a command, too
    ended=$STATUS
    # it may have failed of what is watched before anybody has looked again: of a snapshot that overflowed, all is unreadable
    run_watches ended || {
      says "the copy ended with $ended: $SAYS"
      return "$ended"
    }
    case $ended in
      24) says 'files vanished while they were copied (24): somebody writes to the source' ;;
      *)
        says "the copy ended with $ended"
        ! found_no_room ||
          says "the volume has no room for what the image holds ($ended): a larger size in the playbook gives it that, and a strategy that copies blocks needs none"
        ;;
    esac
    return "$ended"
  fi
  # once more: a copy from a snapshot that overflowed meanwhile does not count
  run_watches ended || {
    says "the copy does not count: $SAYS"
    return 1
  }
  if [ "$role" = last ]; then
    UNCOUNTED="$UNCOUNTED $STEP:$took:$id"
    return 0
  fi
  literal_bytes "$OUT"
  PASS_CENTIS=$((PASS_CENTIS + took))
  PASS_BYTES=$((PASS_BYTES + LITERAL))
  printf '%s %s %s\n' "$role" "$took" "$LITERAL" >>"$HERE/copies/$id"
}

# looked_after ID COMMAND…: runs it to its end, under the watches of this step, within COPY_LIMIT hundredths since COPY_BEGAN if it
# is not 0, and sets STATUS. 1: it was ended.
looked_after() {
  local id pid next why log
  id=$1 log=$OUT why=
  shift
  [ "$log" != /dev/null ] && printf '' >"$log" || {
    says "cannot write what the copy says"
    return 1
  }
  uptime_now
  next=$((UPTIME + 100))
  setsid "$@" </dev/null >"$log" 2>"$log.err" 9>&- &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep "$COPY_NAP"
    uptime_now
    if [ "$COPY_LIMIT" -gt 0 ] && [ $((UPTIME - COPY_BEGAN)) -gt "$COPY_LIMIT" ]; then
      seconds "$COPY_LIMIT"
      why="it was not done within $SECONDS_TEXT s"
      seconds "$FORECAST_OF"
      [ "$COPY_LIMIT" -gt "$((FORECAST_OF * 3 + 6000))" ] || why="took more than three times its forecast of $SECONDS_TEXT s"
      break
    fi
    if [ "$SWITCHING" -eq 0 ]; then
      ! stop_asked || break
    else
      tell_stop
    fi
    [ "$UPTIME" -ge "$next" ] || continue
    next=$UPTIME
    report_progress "$id" "$log"
    run_watches running || {
      why=$SAYS
      break
    }
    # once a second, and on a slow host a fifth of the time at most
    uptime_now
    next=$((UPTIME + (UPTIME - next) * 4))
    [ "$next" -ge $((UPTIME + 100)) ] || next=$((UPTIME + 100))
  done
  # still there: one of the above stops it
  if kill -0 "$pid" 2>/dev/null; then
    kill_group "$pid"
    # not for ever: it may wait for a disk that does not answer
    await_command "$pid" 2>/dev/null
    cat "$log.err" >>"$log"
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the copy of $id"
    says "the copy was ended: $why"
    return 1
  fi
  until await_command "$pid"; do :; done
  [ ! -s "$log.err" ] || cat "$log.err" >>"$log"
  return 0
}

found_no_room() {
  grep -qs 'No space left on device' "$OUT.err"
}

# copy_cramped ID TARGET COMMAND…: what COMMAND, an rsync, would replace goes first, and what it deletes goes before anything is
# copied: at no time is there more in TARGET than in the source. A changed file's name may lead through what is a link in TARGET,
# and out of it: only what find(1) comes upon there, which follows none, is removed. rsync writes bytes that are no letters as
# \#012, of which none is looked for: such a file stays, and takes its room twice.
copy_cramped() {
  local id
  id=$1
  shift
  # shellcheck disable=SC2016
  looked_after "$id" sh -c '
    list=$1 target=$2
    shift 2
    "$@" --dry-run --8-bit-output --out-format=%i/%n >"$list.all" || exit
    tr "\r" "\n" <"$list.all" | sed -n "s,^[>h]f[^/]*/,./,p" >"$list" || exit
    (cd -P -- "$target" && find . -xdev -type f -print0 | { grep -zxFf "$list" || :; } | xargs -0 -r rm -f --) || exit
    exec "$@" --delete-before' sh "$HERE/out/replaced" "$@"
}

# part_names ID SOURCE TARGET GENTLY: in TARGET only what find(1) comes upon is removed, which follows no link. Of each file there one name
# may stay. A name with a line's end in it stays as well. GENTLY: words that the commands are put behind.
part_names() {
  # shellcheck disable=SC2016,SC2086
  looked_after "$1" $4 sh -c '
    list=$1 source=$2 awk=$4
    cd -P -- "$3" || exit
    find . -xdev -type f -links +1 ! -path "*
*" -print0 | xargs -0 -r sh -c "
      source=\$1
      shift
      stat --printf \"T %i %n\\n\" -- \"\$@\"
      # what is not there any more is for rsync to delete
      cd -P -- \"\$source\" && stat --printf \"S %i %n\\n\" -- \"\$@\" 2>/dev/null
      :" sh "$source" | awk "$awk" >"$list" || exit
    tr "\n" "\0" <"$list" | xargs -0 -r rm -f --' sh "$HERE/out/parted" "$2" "$3" "$NAMES_PARTED" || return
  [ "$STATUS" -eq 0 ] && return
  says "cannot take names in $3 apart that are of one file"
  return 1
}

# Of lines `T INODE NAME` and `S INODE NAME`, turn by turn some names in the target and the same in the source: names of a file in
# the target that are of another one in the source than the first name of it that came. Inodes are words, and may be too large for numbers.
# shellcheck disable=SC2016 # awk's
readonly NAMES_PARTED='
{ name = substr($0, length($2) + 4) }
$1 == "T" && was == "S" { for (each in inode) delete inode[each] }
$1 == "T" { inode[name] = $2 "" }
$1 == "S" && name in inode {
  one = inode[name]
  if (!(one in first)) first[one] = $2 ""
  else if (first[one] != $2 "") print name
}
{ was = $1 }'

# check_copy VG/LV -- COMMAND…: what is found out of order in a copy stays so, whoever goes on with it: a pass mends no file system
# that a power cut has left half written, as it does where there is no journal (ext2).
verb_check_copy() {
  local volume status
  volume=$1
  shift 2
  run_command "$@"
  status=$?
  case $1:$status in
    e2fsck:4 | xfs_repair:1)
      says "$SAYS: the file system of the copy is not in order. Where the next run says so too, begin anew: lvremove $volume (the \
image has all that is in it)"
      ;;
  esac
  return "$status"
}

# last copies whose bytes are not counted yet: that is done while the guest boots, and not while it waits to
UNCOUNTED=
count_copies() {
  local copy log took id
  for copy in $UNCOUNTED; do
    log=$HERE/out/${copy%%:*}.log copy=${copy#*:}
    took=${copy%%:*} id=${copy#*:}
    report_progress "$id" "$log"
    literal_bytes "$log"
    printf 'last %s %s\n' "$took" "$LITERAL" >>"$HERE/copies/$id"
  done
  UNCOUNTED=
}

# forecast_of ID: sets FORECAST_OF, hundredths: the newest delta pass, or else the first, and a second. 0: no pass yet.
forecast_of() {
  local role centis rest known
  FORECAST_OF=0 known=
  [ -r "$HERE/copies/$1" ] || return 0
  # few lines, and no process: the guest is down already
  while read -r role centis rest; do
    case $role in
      delta) known=$role ;;
      first) [ -z "$known" ] || continue ;;
      *) continue ;;
    esac
    FORECAST_OF=$((centis + 100))
  done <"$HERE/copies/$1"
}

# kill_group PID: of the group that it leads. `-s` and `--` are not known to the kill of every shell.
kill_group() {
  local tries
  kill -TERM "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null
  tries=25
  while kill -0 "-$1" 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      kill -KILL "-$1" 2>/dev/null
      break
    }
    sleep 0.2
  done
}

# report_progress ID FILE: the newest line of --info=progress2, `1,234,567  45%   12.34MB/s    0:00:12 …`. At the end
# of a copy some 700 bytes of --stats follow it.
report_progress() {
  local bytes percent rate left
  read -r bytes percent rate left <<LINE
$(tail -c 2000 "$2" | tr '\r' '\n' | awk '
    $2 ~ /^[0-9]+%$/ && $4 ~ /^[0-9]+:[0-9][0-9]:[0-9][0-9]$/ {
      gsub(/[^0-9]/, "", $1); bytes = $1; percent = $2 + 0
      unit = $3; sub(/^[0-9.]+/, "", unit); rate = $3 + 0
      if (unit ~ /^k/) rate *= 1024
      if (unit ~ /^M/) rate *= 1048576
      if (unit ~ /^G/) rate *= 1073741824
      split($4, t, ":"); left = t[1] * 3600 + t[2] * 60 + t[3]; found = 1
    }
    END { if (found) printf "%s %d %.0f %d\n", bytes, percent, rate, left }')
LINE
  [ -n "${left:-}" ] || return 0
  journal progress id "$1" 'bytes#' "$bytes" 'percent#' "$percent" 'rate#' "$rate" 'left#' "$left"
}

# literal_bytes FILE: from --stats, in LITERAL
literal_bytes() {
  LITERAL=$(awk '/^Literal data: / { gsub(/[^0-9]/, "", $3); n = $3 } END { print n }' "$1")
  LITERAL=${LITERAL:-0}
}

# distrust_fresh SOURCE TARGET WINDOW_SECONDS: a file whose time was in the snapshot before its data was looks the same
# to the last pass. So what was fresh gets, in the copy, a time that no file has, and is compared for real.
verb_distrust_fresh() {
  local source target newest now
  source=$1 target=$2
  # the clock itself, not the journal's; and the second that it is in
  now=$(($(date +%s) + 1))
  # the guest's clock is not Dom0's; nothing that it changed lies later than its own now
  newest=$(find "$source" -xdev -printf '%C@\n' 2>>"$OUT" | awk -v now="$now" '
    $1 + 0 <= now + 0 && $1 + 0 > newest + 0 { newest = $1 + 0 } END { if (NR > 0) printf "%.3f\n", newest }')
  [ -n "$newest" ] || {
    says "no file in $source"
    return 1
  }
  # all of them later than now: it is Dom0's clock that has been set back, and everything may be fresh
  newest=${newest%.*}
  [ "$newest" -gt "$3" ] || newest=$3
  find "$source" -xdev -type f -newerct "@$((newest - $3))" -printf './%P\0' >"$HERE/out/fresh" 2>>"$OUT" || {
    says "cannot read all of $source"
    return 1
  }
  # 1970-01-01 19:57:03: set by no clock, and by no tool that levels times
  (
    cd -P -- "$target" || exit 1
    # shellcheck disable=SC2016
    xargs -0 -r sh -c '
      for file do
        if [ -L "$file" ] || [ ! -f "$file" ]; then
          printf "%s is missing in the copy\n" "$file"
          exit 255
        fi
      done
      touch -h -c -d @71823.987654321 -- "$@" || exit 255' sh
  ) <"$HERE/out/fresh" >>"$OUT" 2>&1 9>&- || {
    says "files that were fresh in the snapshot are not all in the copy"
    return 1
  }
}
