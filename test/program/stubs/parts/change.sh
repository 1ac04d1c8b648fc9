# shellcheck shell=sh disable=SC2034,SC2154
# Calls that change something: counted, noted, and what a test wants to go wrong with them.

changing() { # FUNCTION ARGUMENTS…: the effect, unless a test says otherwise
  value "$STUB_STATE/calls-made" 0
  n=$((VALUE + 1))
  echo "$n" >"$STUB_STATE/calls-made"
  one_line "$call"
  words=$LINE
  # with a blank at its end
  printf '%s \n' "$LINE" >>"$STUB_STATE/calls"
  case $LINE in
    'xl shutdown '* | 'xl save '*) [ ! -e "$STUB_STATE/hang-asked" ] || : >"$STUB_STATE/asks" ;;
  esac
  [ ! -e "$STUB_STATE/asks" ] || printf '! %s\n' "$LINE" >>"$STUB_STATE/asks"
  if told fail; then
    echo "stub: told to fail" >&2
    exit 5
  fi
  if told kill-before; then
    rm "$STUB_STATE/kill-before"
    kill_program
  fi
  keep kill-before
  hang hang-before
  "$@"
  status=$?
  hang hang-after
  if told fail-after; then
    echo "stub: told to fail, when all was done" >&2
    exit 5
  fi
  if told kill-after; then
    rm "$STUB_STATE/kill-after"
    kill_program
  fi
  keep kill-after
  if told stop-after; then
    value "$STUB_STATE/run-dir"
    : >"$VALUE/stop"
  fi
  exit "$status"
}

# asking: a question, of which a test may want the n-th not to be answered
asking() {
  value "$STUB_STATE/asks-made" 0
  n=$((VALUE + 1))
  echo "$n" >"$STUB_STATE/asks-made"
  one_line "$call"
  words=$LINE
  printf '%s\n' "$LINE" >>"$STUB_STATE/asks"
  hang hang-asked
}

one_line() { # TEXT: sets LINE, blanks where its lines ended
  LINE=$1
  while :; do
    case $LINE in
      *"
"*) LINE="${LINE%%"
"*} ${LINE#*"
"}" ;;
      *) return ;;
    esac
  done
}

# hang NAME: this call does not come back
hang() {
  if told "$1"; then
    rm "$STUB_STATE/$1"
    "$REAL_SLEEP" 600
  fi
}

told() { # NAME: of this call, the $n-th, or one that is it word by word?
  [ -e "$STUB_STATE/$1" ] || return 1
  at=
  IFS= read -r at <"$STUB_STATE/$1" || :
  [ "$at" = "$n" ] || [ "$at" = "$words " ]
}

# keep NAME: what is on the host now, where that is asked for (deaths.ts). Who is killed in a scope of its own lives on, and
# what is written meanwhile is no moment's picture: then there is none.
keep() {
  [ -e "$STUB_STATE/keep" ] && [ -z "${IN_SCOPE:-}" ] || return 0
  value "$STUB_STATE/keep"
  kept=$VALUE/$1-$n
  [ -d "$kept" ] || return 0
  # all but the stubs themselves
  ! cp -a -- "$CONVERGE_ROOT"/[!b]* "$kept" 2>/dev/null || : >"$kept/whole"
}

kill_program() {
  value "$STUB_STATE/group"
  kill -9 "-$VALUE"
  # what runs outside of the program's unit goes on
  [ -n "${IN_SCOPE:-}" ] || sleep 5
}
