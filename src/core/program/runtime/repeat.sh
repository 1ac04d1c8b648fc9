# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Copy passes: each is shorter than the one before, until the last one, with the guest down, fits its budget.

OVERHEAD=0
FORECAST=0

# repeat ID MIN MAX BUDGET OVERHEAD BODY FIRST: seconds; a budget of -1 is none. FIRST: the first pass is enough if it was over
# within that, or with -1 however long it took.
repeat() {
  local id minimum maximum budget overhead body old first
  [ "$SURVEY" -ne 3 ] || "$6"
  [ "$SURVEY" -eq 0 ] || return 0
  id=$1 minimum=$2 maximum=$3 body=$6 first=-1
  case ${7:--1} in
    -*) ;;
    *)
      hundredths "$7"
      first=$CENTIS
      ;;
  esac
  hundredths "$5"
  overhead=$CENTIS
  case $4 in
    -*) budget=-1 ;;
    *)
      hundredths "$4"
      budget=$CENTIS
      ;;
  esac
  PASS=0 old=-1
  while :; do
    PASS=$((PASS + 1)) PASS_CENTIS=0 PASS_BYTES=0
    "$body"
    FORECAST=$((PASS_CENTIS + 100))
    pass_verdict "$PASS" "$minimum" "$maximum" "$PASS_CENTIS" "$old" "$budget" "$overhead" "$first"
    seconds "$PASS_CENTIS"
    set -- "$SECONDS_TEXT"
    seconds "$FORECAST"
    journal pass id "$id" 'number#' "$PASS" 'seconds#' "$1" 'bytes#' "$PASS_BYTES" \
      'forecast#' "$SECONDS_TEXT" verdict "$PASS_VERDICT"
    [ "$PASS_VERDICT" = again ] || break
    old=$PASS_CENTIS
  done
  PASS=0
  OVERHEAD=$overhead
  [ "$budget" -lt 0 ] || [ $((FORECAST + overhead)) -le "$budget" ] || {
    ID=$id
    refuse_downtime "$overhead" "$budget"
  }
}

# pass_verdict PASS MIN MAX NEW OLD BUDGET OVERHEAD FIRST: hundredths of a second, sets PASS_VERDICT. OLD -1: there was none.
pass_verdict() {
  if [ "$1" -lt "$2" ] || { [ "$1" -eq 1 ] && [ "${8:--1}" -ge 0 ] && [ "$4" -gt "$8" ]; }; then
    PASS_VERDICT=again
  elif [ "$1" -eq 1 ] && [ "${8:--1}" -ge 0 ] && [ "$6" -lt 0 ]; then
    PASS_VERDICT='short enough'
  elif [ "$6" -ge 0 ] && [ $(($4 + 100 + $7)) -le "$6" ]; then
    PASS_VERDICT=fits
  elif [ "$1" -ge "$3" ]; then
    PASS_VERDICT='as many passes as allowed'
  elif [ "$5" -ge 0 ] && [ $(($4 * 10)) -ge $(($5 * 8)) ]; then
    PASS_VERDICT='no longer shrinks'
  else
    PASS_VERDICT=again
  fi
}

# refuse_downtime OVERHEAD BUDGET: the gate before the guest is touched
refuse_downtime() {
  local forecast overhead
  seconds "$FORECAST"
  forecast=$SECONDS_TEXT
  seconds "$1"
  overhead=$SECONDS_TEXT
  seconds "$2"
  abandon refused "the last pass would take $forecast s and the rest of the downtime $overhead s: more than \
the budget of $SECONDS_TEXT s; the guest was not touched"
}
