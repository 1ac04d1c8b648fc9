# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What is asked in the midst of a line (`$(xl list …)`, `lvs`, `losetup`): the program waits for it as it stands, and could
# not give it up itself. The ticker does, while the guest is away, and leaves word: the step then fails, whatever it made
# of such an answer.

# where the program says that it goes on (see uptime_now): in memory, as the disk under the books may be what hangs
BEAT=
# where the ticker leaves word, beside it
VAIN=

# end_hung_question: in the ticker. What the program waits for is the child that it started last. It is given up when the
# program has done nothing else for as long as a command may take; a command, and a copy, have limits of their own, and
# the program beats while it waits for them.
ASKED=''
ASKED_SINCE=0
end_hung_question() {
  local children child last beat hung bound name
  children='' last='' beat='' hung=0
  read -r children <"/proc/$$/task/$$/children" || [ -n "$children" ] || return 0
  for child in $children; do
    [ "$child" = "$TICKER_PID" ] || last=$child
  done
  uptime_now
  if [ "$last" != "$ASKED" ]; then
    ASKED=$last ASKED_SINCE=$UPTIME
    return 0
  fi
  [ -n "$last" ] && { read -r beat hung <"$BEAT"; } 2>/dev/null && [ -n "$beat" ] || return 0
  bound=$BOUND
  [ "${hung:-0}" -eq 0 ] || [ "$bound" -le "$SHORT_BOUND" ] || bound=$SHORT_BOUND
  [ $((UPTIME - beat)) -ge "$bound" ] && [ $((UPTIME - ASKED_SINCE)) -ge "$bound" ] || return 0
  TREE=
  tree_of "$last"
  name=
  for child in $TREE; do
    { read -r name <"/proc/$child/comm"; } 2>/dev/null || :
    # it ends by itself, and its time is known where it was called
    [ "$name" != timeout ] || return 0
  done
  seconds "$bound"
  # without a word it is not given up: what did not come would pass for an answer
  printf '%s did not answer within %s s, and was given up\n' "${name:-a question}" "${SECONDS_TEXT%.00}" >"$VAIN" || return 0
  end_tree "$last"
}

# in_vain: something was given up, and asked_in_vain has not yet told
in_vain() {
  [ -n "$TICKER" ] && [ -s "$VAIN" ]
}

# asked_in_vain: something was given up since the last look
asked_in_vain() {
  local what
  in_vain || return 1
  what=
  read -r what <"$VAIN"
  printf '' >"$VAIN" || rm -f "$VAIN"
  HUNG=1
  says "$what"
}
