# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Commands, each as a process of its own. One that hangs while the guest is away would leave it down for good: it is given
# up, and what was done is taken back without it.

# bounds SECONDS: what a command may take while the guest is away
bounds() {
  hundredths "$1"
  BOUND=$CENTIS
}
BOUND=30000
# once one has hung the others get this long, but for those that bring the guest back: what hangs may be a disk that most
# of them need
readonly SHORT_BOUND=3000
HUNG=0
UNHURRIED=0
# the file that tells, where it is named, that the guest is away now: until then it runs, and the command has all its time
AWAY_ONCE=

# whoever waits for a command is woken this often, in seconds
readonly TICK=4
TICKER=
TICKED=0

# guest_away: from here on
guest_away() {
  [ -z "$TICKER" ] || return 0
  # bash mixes up how a process ended whose end comes with a signal (5.2, seen): there it is looked at twenty times a second
  if [ -n "${BASH_VERSION:-}" ]; then WAKES=0; else trap 'TICKED=1' USR1; fi
  trap guest_here EXIT
  BEAT=$RUN/$SAFE/beat VAIN=$RUN/$SAFE/vain
  [ -d "$RUN/$SAFE" ] || mkdir -p -- "$RUN/$SAFE"
  rm -f "$VAIN"
  # in braces: a function that is called without them keeps a copy of the lock (dash, busybox)
  { ticks; } </dev/null >/dev/null 2>&1 9>&- &
  TICKER=$!
  # from here on it beats
  uptime_now
}
# whoever waits is woken by a signal
WAKES=1

# ticks: it ends with this program, whatever ends that
ticks() {
  local rest
  read -r TICKER_PID rest </proc/self/stat
  while sleep "$TICK" && if [ "$WAKES" -eq 1 ]; then kill -USR1 "$$"; else kill -0 "$$"; fi; do end_hung_question; done
}

# guest_here: nobody waits for the run any more
guest_here() {
  [ -n "$TICKER" ] || return 0
  kill "$TICKER" 2>/dev/null
  wait "$TICKER" 2>/dev/null
  TICKER=
  rm -f "$BEAT" "$VAIN" "$RUN/$SAFE/answer" "$RUN/$SAFE/error" "$RUN/$SAFE/out" "$RUN/$SAFE/out.err"
  # where it was made for these alone
  rmdir -- "$RUN/$SAFE" 2>/dev/null || :
}

# out_opens: what a command prints has a place. Where no file can be made in the books (no inode is left, the file system is
# read-only) it is in memory, or nowhere: the command is run all the same, as the guest may come back by it.
out_opens() {
  ! opens "$OUT" || return 0
  OUT=$RUN/$SAFE/out
  mkdir -p -- "${OUT%/*}" 2>/dev/null
  opens "$OUT" || OUT=/dev/null
}

# scratch NAME: sets SCRATCH, an empty file for what is read right after it was printed. While the guest is away it is in
# memory: an answer that a full disk did not take is none. 1: nothing can be written there.
scratch() {
  SCRATCH=$HERE/out/$1
  [ -z "$TICKER" ] || SCRATCH=$RUN/$SAFE/$1
  { printf '' >"$SCRATCH"; } 2>/dev/null || {
    says "cannot write $SCRATCH"
    return 1
  }
}

# run_command COMMAND…: its output goes to the step's file, and it does not inherit the lock
run_command() {
  local status
  if [ -n "$TICKER" ]; then
    run_bounded "$@"
    return
  fi
  out_opens
  "$@" </dev/null >>"${ANSWER_TO:-$OUT}" 2>>"$OUT" 9>&-
  status=$?
  [ "$status" -eq 0 ] || says "$1 ended with $status"
  return "$status"
}

# run_answer COMMAND…: the same, and sets SAID, the line that it printed
run_answer() {
  local status SCRATCH ANSWER_TO
  SAID=
  scratch answer || return
  ANSWER_TO=$SCRATCH
  run_command "$@"
  status=$?
  IFS= read -r SAID <"$ANSWER_TO"
  return "$status"
}
ANSWER_TO=

run_bounded() {
  local pid deadline bound
  bound=$BOUND
  [ "$HUNG" -eq 0 ] || [ "$UNHURRIED" -eq 1 ] || [ "$bound" -le "$SHORT_BOUND" ] || bound=$SHORT_BOUND
  out_opens
  uptime_now
  deadline=$((UPTIME + bound))
  "$@" </dev/null >>"${ANSWER_TO:-$OUT}" 2>>"$OUT" 9>&- &
  pid=$!
  until await_command "$pid"; do
    uptime_now
    if [ -n "$AWAY_ONCE" ] && ! [ -e "$AWAY_ONCE" ]; then
      deadline=$((UPTIME + bound))
      continue
    fi
    [ "$UPTIME" -ge "$deadline" ] || continue
    end_tree "$pid"
    # it may have been LVM's, in the midst of what it had suspended
    resume_origins
    HUNG=1
    seconds "$bound"
    says "$1 did not end within ${SECONDS_TEXT%.00} s, and was given up"
    return "$GIVEN_UP"
  done
  [ "$STATUS" -eq 0 ] || says "$1 ended with $STATUS"
  return "$STATUS"
}

# as timeout(1) has it
readonly GIVEN_UP=124

# await_command PID: sets STATUS, once it has ended. 1: it may have not.
await_command() {
  if [ "$WAKES" -eq 0 ] && kill -0 "$1" 2>/dev/null; then
    sleep 0.05
    return 1
  fi
  TICKED=0
  wait "$1"
  STATUS=$?
  # 128 and the number of SIGUSR1: it was the tick that came
  [ "$STATUS" -ne 138 ] || [ "$TICKED" -eq 0 ]
}

# end_tree PID: it and what it has started. What waits for a disk that does not answer can not be killed: it is not waited for.
end_tree() {
  local tries pid
  TREE=
  tree_of "$1"
  for pid in $TREE; do kill -TERM "$pid" 2>/dev/null; done
  tries=10
  while [ "$tries" -gt 0 ] && any_lives; do
    tries=$((tries - 1))
    sleep 0.2
  done
  for pid in $TREE; do kill -KILL "$pid" 2>/dev/null; done
}

# tree_of PID: adds them to TREE
tree_of() {
  local child
  TREE="$TREE $1"
  # shellcheck disable=SC2013 # numbers, all on one line
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do tree_of "$child"; done
}

any_lives() {
  local pid
  for pid in $TREE; do
    ! kill -0 "$pid" 2>/dev/null || return 0
  done
  return 1
}
