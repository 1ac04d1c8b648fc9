# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What a run took, beside what was forecast of it: a line in the guest's history, which later forecasts are made from.

# forecast STRATEGY DOWNTIME SECONDS BYTES: as the plan said
forecast() {
  STRATEGY=$1 FORECAST_DOWNTIME=$2 FORECAST_SECONDS=$3 FORECAST_BYTES=$4
}
STRATEGY=

# exchanged CENTIS DISKS: the guest was held for so long while volumes took the place of images; by disk it is remembered
exchanged() {
  EXCHANGE_CENTIS=$((EXCHANGE_CENTIS + $1)) EXCHANGES=$((EXCHANGES + $2))
}
EXCHANGE_CENTIS=0
EXCHANGES=0

remember_history() {
  local took copying bytes rate rest switch shutdown start down forecast one
  [ -n "$STRATEGY" ] && [ -n "${BEGAN_AT:-}" ] || return 0
  count_copies
  uptime_now
  # a wait for a time of day says nothing of what a run takes
  took=$((UPTIME - BEGAN_AT - ${WAITED:-0}))
  # of each copy the first pass, which is the one that moves much; what is over in a blink, or only compared, says
  # nothing of a rate. The parentheses are needed: without them awk takes `>` for a redirection.
  read -r copying bytes rate <<LINE
$(awk '{ all += $3 + $4 } $1 != "last" { copying += $2 }
    FNR == 1 && $1 != "last" && $2 > 0 { bytes += $3; time += $2 }
    END { printf "%.0f %.0f %.0f", copying, all, (time > 0 && bytes >= 16777216 ? bytes * 100 / time : 0) }' \
    "$HERE"/copies/* /dev/null 2>/dev/null)
LINE
  switch=none shutdown=0 start=0 down=0
  if [ -n "$COUNTED" ]; then
    switch=${SWITCH:-restart} down=$DOWNTIME
    shutdown=${SHUTDOWN_CENTIS:-0} start=$((READY_AT - ${CREATE_AT:-$READY_AT}))
  fi
  # a pause is no take-over, and is a downtime
  down=$((down + HELD_CENTIS))
  # a rehearsal is reckoned by itself, where one is asked for
  rest=$((took - copying - down - ${REHEARSED:-0}))
  [ "$rest" -ge 0 ] || rest=0
  set --
  for one in "$shutdown" "$start" "$down" "$((FORECAST + OVERHEAD))" "$took" "$rest"; do
    seconds "$one"
    set -- "$@" "$SECONDS_TEXT"
  done
  shutdown=$1 start=$2 down=$3 forecast=$4 took=$5 rest=$6
  set --
  # what freezing, thawing and migrating took goes with it, and lets other guests' be reckoned
  [ -z "$MEMORY" ] || set -- 'memoryMiB#' "$MEMORY"
  if [ "$EXCHANGES" -gt 0 ]; then
    seconds $(((EXCHANGE_CENTIS + EXCHANGES - 1) / EXCHANGES))
    set -- "$@" 'exchangeSeconds#' "$SECONDS_TEXT"
  fi
  json_object domain "$DOMAIN" strategy "$STRATEGY" switch "$switch" 'shutdownSeconds#' "$shutdown" 'startSeconds#' "$start" \
    'downtimeSeconds#' "$down" 'forecastSeconds#' "$forecast" 'bytesPerSecond#' "$rate" 'tookSeconds#' "$took" 'restSeconds#' "$rest" \
    'bytes#' "$bytes" 'plannedDowntimeSeconds#' "$FORECAST_DOWNTIME" 'plannedSeconds#' "$FORECAST_SECONDS" \
    'plannedBytes#' "$FORECAST_BYTES" "$@" 'at#' "$(date +%s)"
  add_line "$BOOK/history.jsonl" "$JSON"
}
