# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Durations come from the uptime, which nobody sets; they are whole hundredths of a second.

# epoch: sets NOW, seconds since the epoch with fractions where date has them
epoch() {
  NOW=$(date +%s.%N)
  case $NOW in
    *.[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) NOW=${NOW%??????} ;;
    *) NOW=$(date +%s) ;;
  esac
}

# uptime_now: sets UPTIME
uptime_now() {
  local up rest
  read -r up rest </proc/uptime
  UPTIME=$((${up%.*} * 100 + 1${up#*.} - 100))
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
