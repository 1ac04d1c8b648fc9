# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Durations come from the uptime, which nobody sets; they are whole hundredths of a second.

# epoch: sets NOW, seconds since the epoch. The clock is asked once: the journal's times do not jump with it, and an
# event costs no process (in a switch each one counts).
epoch() {
  local stamp
  if [ -z "${BASE:-}" ]; then
    stamp=$(date +%s%N)
    case $stamp in
      *[!0-9]* | ??????????) stamp=$(date +%s)00 ;;
      *) stamp=${stamp%???????} ;;
    esac
    uptime_now
    BASE=$((stamp - UPTIME))
  fi
  uptime_now
  seconds $((BASE + UPTIME))
  NOW=$SECONDS_TEXT
}

# uptime_now: sets UPTIME. Whoever waits for something asks for it: while the guest is away the ticker sees that the program goes on.
uptime_now() {
  local up rest
  read -r up rest </proc/uptime
  UPTIME=$((${up%.*} * 100 + 1${up#*.} - 100))
  [ -z "$TICKER" ] || { printf '%s %s\n' "$UPTIME" "$HUNG" >"$BEAT"; } 2>/dev/null || :
}

# hundredths SECONDS: `12`, `12.5` or `12.345` to whole hundredths, in CENTIS
hundredths() {
  local whole fraction
  whole=${1%%.*}
  fraction=0
  case $1 in *.*) fraction=${1#*.} ;; esac
  fraction=${fraction}00
  fraction=${fraction%"${fraction#??}"}
  CENTIS=$((${whole:-0} * 100 + 1$fraction - 100))
}

# seconds CENTIS: sets SECONDS_TEXT, with two decimals
seconds() {
  local fraction
  fraction=$((100 + $1 % 100))
  SECONDS_TEXT=$(($1 / 100)).${fraction#1}
}

# mib BYTES: rounded up, for people
mib() {
  printf '%s MiB' $((($1 + 1048575) / 1048576))
}
