# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The guest itself: down, up, paused, committed, ready.

# ---- down

verb_shut_down() { # NAME TIMEOUT destroy|never -- COMMAND…
  local name limit insist domid loops began
  name=$1 insist=$3
  hundredths "$2"
  limit=$CENTIS
  shift 4
  domid_of "$name"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  domid=$DOMID
  loops_of "$domid"
  loops=$LOOPS
  find_xl_log "$name" "$domid"
  forget_take_over
  uptime_now
  write_kept "$HERE/down" "$domid $UPTIME $(boot_id)" || return 1
  journal_kept down domain "$name"
  guest_away
  uptime_now
  began=$UPTIME DOWN_AT=$UPTIME
  run_command "$@" || return
  await_gone "$domid" "${limit%??}" "$loops" || {
    if ! domid_state "$domid"; then
      says "$name is down, and yet: $SAYS"
      return 1
    fi
    seconds "$limit"
    [ "$insist" = destroy ] || {
      says "$name ignored the shutdown request for ${SECONDS_TEXT%.00} s"
      return 1
    }
    journal note message "$name ignored the shutdown request for ${SECONDS_TEXT%.00} s: destroyed, as the playbook says"
    NOT_SHUT_DOWN="$name was destroyed"
    run_command xl destroy -- "$domid" || return
    await_gone "$domid" 60 "$loops" || {
      says "$name was destroyed and is still not gone: $SAYS"
      return 1
    }
  }
  [ -n "$NOT_SHUT_DOWN" ] || look_how_it_went "$name" "$domid"
  SEEN_GOING=1
  # it has followed an earlier run's request too, or this one: from here on this run brings it back
  forget_late
  # a domain that is gone is not looked for by its name as well
  seen
  uptime_now
  SHUTDOWN_CENTIS=$((UPTIME - began))
}

# loops_of DOMID: sets LOOPS, the loop devices that its backends have, each with what is behind it: `/dev/loop0=4711,253:0`. Once it is
# let go of, the next one who asks for a loop device gets the same number.
loops_of() {
  local type device node
  LOOPS=
  while read -r type device; do
    [ -n "$device" ] || continue
    node=$(backend_value "$1" "$type" "$device" node)
    case $node in "$ROOT"/dev/loop*) ;; *) continue ;; esac
    loop_identity "$node"
    LOOPS="$LOOPS $node=$IDENTITY"
  done <<LIST
$(backends_of "$1")
LIST
}

# once a domain is on its way out it gets this long, at least: that is not ignoring a request
readonly LEAVING_CENTIS=6000
# how often xl is asked while there are signs of it
readonly ASK_CENTIS=200

# await_gone DOMID SECONDS [LOOPS]: the domain, its backends, and the loops that they had. 1: time is up.
await_gone() {
  local deadline loop busy leaving only_loops asked
  uptime_now
  deadline=$((UPTIME + ${2:-0} * 100))
  # it was there a moment ago
  leaving=0 only_loops=0 asked=$UPTIME
  while :; do
    busy=
    # a guest on its way out needs the processor too, and xl takes much of it
    if [ $((UPTIME - asked)) -lt "$ASK_CENTIS" ] && { is_served "$1" || has_name "$1"; }; then
      sleep 0.1
      uptime_now
      [ "$UPTIME" -ge "$deadline" ] || continue
    fi
    asked=$UPTIME
    domid_state "$1"
    case $? in
      0)
        busy="the domain is still there ($STATE)"
        case $STATE in *[scd]*) leaving=$((leaving + 1)) ;; esac
        ;;
      1)
        leaving=$((leaving + 1))
        # xl shutdown -w returns before this, and an xl create right then fails
        if [ -n "$(backends_of "$1")" ]; then
          busy='its disks are still attached'
        else
          for loop in ${3:-}; do
            ! loop_stays "${loop%%=*}" "${loop#*=}" || busy="${loop%%=*} is still attached"
          done
          uptime_now
          if [ -n "$busy" ]; then
            [ "$only_loops" -gt 0 ] || only_loops=$UPTIME
            # shellcheck disable=SC2086 # names of devices, one word each
            [ $((UPTIME - only_loops)) -lt 500 ] || release_loops ${3:-}
          fi
        fi
        ;;
      *) busy=$SAYS ;;
    esac
    ! in_vain || busy='a question was not answered'
    [ -n "$busy" ] || return 0
    uptime_now
    if [ "$leaving" -eq 1 ] && [ "$deadline" -lt $((UPTIME + LEAVING_CENTIS)) ]; then
      deadline=$((UPTIME + LEAVING_CENTIS))
    fi
    if [ "$UPTIME" -ge "$deadline" ]; then
      says "$busy"
      return 1
    fi
    sleep 0.2
  done
}

# has_name DOMID: xenstore has it still, which takes a third of the time of xl list
has_name() {
  xenstore-read "/local/domain/$1/name" >/dev/null 2>&1 9>&-
}

# is_served DOMID: Dom0's kernel has a device for it
is_served() {
  local device
  for device in "$BACKENDS"/*-"$1"-*; do [ -e "$device" ] && return 0; done
  return 1
}

# release_loops LOOP…: Xen's block script looks the loop up in xenstore when a guest has gone; on a slow host the entry
# has gone before it looks, and the loop stays for ever (seen). They were this guest's, and nobody has them now.
release_loops() {
  local loop
  for loop in "$@"; do
    loop_stays "${loop%%=*}" "${loop#*=}" || continue
    loop=${loop%%=*}
    [ -z "$(mounts_of "$loop")" ] && ! backend_uses "$loop" || continue
    run_command losetup --detach "$loop" && journal note message "$loop was left behind by Xen's block script: detached"
  done
}

# how long a domain that has shut down may take to go, before it is cleared away
readonly KEPT_SECONDS=120

# clear_away DOMID SECONDS: it has come to its end. Where whoever should clear it away does not, it is done here, and nothing
# of it is lost by that. One that this run was saving stays suspended for good if xl is killed in the midst of it: only xl
# itself lets it run on (save_domain in tools/xl/xl_saverestore.c). One that somebody else is saving is left to him.
clear_away() {
  local domid
  domid=$1
  ! await_gone "$domid" "$2" || return 0
  domid_state "$domid"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  case $STATE in
    *c*) ;;
    *s*)
      asked_to_go "$domid" || {
        says "the domain $domid is suspended, and not by this run"
        return 1
      }
      ;;
    *) return 1 ;;
  esac
  journal note message "$DOMAIN is down and its domain $domid stays: destroyed, to start it again"
  # it may be going at this very moment: what counts is that it is gone
  run_command xl destroy -- "$domid" || :
  await_gone "$domid" 60
}

# bring_back NAME CONFIG: whatever became of the shutdown request, the guest runs, or will
verb_bring_back() {
  ! given_back || {
    tell_running "$1"
    return 0
  }
  # what lies in the place of the config names the new disk, and could not be replaced
  set -- "$1" "${BRING_BACK_FROM:-$2}"
  domain_state "$1"
  case $? in
    0) ;;
    1)
      takes_apart
      start_in_scope "$1" "$2"
      return
      ;;
    *) return 1 ;;
  esac
  case $STATE in
    *[scd]*)
      takes_apart
      clear_away "$DOMID" "$KEPT_SECONDS" && start_in_scope "$1" "$2"
      return
      ;;
    *p*)
      if half_built "$DOMID"; then
        clear_half_built "$DOMID" && start_in_scope "$1" "$2"
        return
      fi
      ;;
  esac
  [ -e "$HERE/down" ] || return 0
  # one that somebody has started since knows of no request
  ! asked_to_go "$DOMID" || withdraw_request "$DOMID" old
  tell_running "$1"
  return 0
}

# ---- up

# Runs in the scope, around the command. Whoever finds this program dead waits for it to end: a guest that is about to
# appear would otherwise appear after everything else was taken back.
# shellcheck disable=SC2016
readonly SCOPED='mark=$1 boot=$2; shift 2; echo "$boot $$" >"$mark"; "$@"; status=$?; rm -f "$mark"; exit "$status"'
SCOPES=0

# Runs where systemd starts no scope, around the same: out of this unit's cgroup, into one of the guest's own, or not at all. What
# stayed would be ended with the run, a QEMU that serves the guest's disks too. Versions 2, both, and 1 of cgroups.
# shellcheck disable=SC2016
readonly APART='at=$1 name=$2; shift 2; apart=1
for at in "$at" "$at/unified" "$at/systemd"; do
  [ -e "$at/cgroup.procs" ] || continue
  { [ -d "$at/$name" ] || mkdir "$at/$name"; } && echo "$$" >"$at/$name/cgroup.procs" || exit 1
  apart=0
done
[ "$apart" -eq 0 ] || exit 1
exec sh -c "$@"'

# 1: the guest was up, and is to be brought up by whatever works
BRINGS_BACK=0

# scoped COMMAND…: outside of this unit, so that nothing of the run's end touches the guest's keeper
scoped() {
  local status boot UNHURRIED
  UNHURRIED=1
  SCOPES=$((SCOPES + 1))
  boot=$(boot_id)
  printf '%s starting\n' "$boot" >"$HERE/creating"
  epoch
  run_command systemd-run --scope --collect --quiet --unit="converge-guest-$SAFE-${NOW%.*}-$$-$SCOPES" \
    --description="the keeper of the guest $SAFE" -- \
    sh -c "$SCOPED" sh "$HERE/creating" "$boot" "$@"
  status=$?
  if [ "$status" -ne 0 ] && [ "$BRINGS_BACK" -eq 1 ] && not_begun; then
    journal note message "$SAYS: $DOMAIN is brought back without a scope"
    run_command sh -c "$APART" sh "$ROOT/sys/fs/cgroup" "converge-guest-$SAFE" "$SCOPED" sh "$HERE/creating" "$boot" "$@"
    status=$?
  fi
  if [ "$status" -ne 0 ] && not_begun; then
    rm -f "$HERE/creating"
    says "$1 ${2:-} was not called, since systemd started no scope: $SAYS"
    return "$status"
  fi
  rm -f "$HERE/creating"
  case $status in
    0) ;;
    "$GIVEN_UP") says "$1 ${2:-} ${SAYS#* }" ;;
    *) says "$1 ${2:-} ended with $status" ;;
  esac
  return "$status"
}

# not_begun: what was to run in a scope has not been called
not_begun() {
  local boot what
  what=
  { read -r boot what <"$HERE/creating"; } 2>/dev/null
  [ "$what" = starting ]
}

# await_scoped: until what a dead program started in a scope has ended, or has had its time. A guest that is migrated runs
# meanwhile, and as long as it does, its memory may take the time that it takes.
await_scoped() {
  local boot pid tries deadline old
  tries=0 old=''
  ! [ -e "$HERE/moving" ] || ! [ -e "$HERE/migrating" ] || read -r old _ <"$HERE/migrating"
  uptime_now
  deadline=$((UPTIME + BOUND))
  while [ -e "$HERE/creating" ]; do
    read -r boot pid <"$HERE/creating" || break
    [ "$boot" = "$(boot_id)" ] || break
    case $pid in
      starting)
        tries=$((tries + 1))
        [ "$tries" -lt 25 ] || break
        ;;
      *[!0-9]* | '') break ;;
      *)
        kill -0 "$pid" 2>/dev/null || break
        uptime_now
        if [ "$UPTIME" -lt "$deadline" ]; then
          :
        elif [ -n "$old" ] && runs_on "$old"; then
          deadline=$((UPTIME + BOUND))
        else
          # by now that number may be another process
          ! is_scoped "$pid" || give_up_scoped "$pid"
          break
        fi
        ;;
    esac
    sleep 0.2
  done
  rm -f "$HERE/creating" "$HERE/moving"
}

# runs_on DOMID
runs_on() {
  domid_state "$1" || return 1
  case $STATE in *[scd]*) return 1 ;; esac
}

# is_scoped PID: it is what a program of this run has started in a scope
is_scoped() {
  tr '\000' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -- "$HERE/creating"
}

give_up_scoped() { # PID
  end_tree "$1"
  HUNG=1
  journal note message 'what was to bring the guest up did not come to its end, and was given up'
}

# create_scoped COMMAND…: again while the one of that name is still dying
create_scoped() {
  local tries lines status
  tries=10
  while :; do
    out_opens
    lines_in "$OUT"
    lines=$LINES_IN
    scoped "$@" && return 0
    status=$?
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] && tail -n "+$((lines + 1))" "$OUT" | grep -qi 'already exist' || return "$status"
    sleep 1
  done
}

# build_scoped COMMAND…: the guest, noted while it is built
build_scoped() {
  local status
  begin_built
  create_scoped "$@"
  status=$?
  end_built "$status"
  return "$status"
}

# start_in_scope NAME CONFIG [SINCE]: see tell_back for SINCE
start_in_scope() {
  local BRINGS_BACK
  BRINGS_BACK=1
  if find_saved "$1"; then
    journal note message "$1 was saved by xendomains, which brings it back: it is not started here"
    return 0
  fi
  # -f: a path with a `=` in it would else be taken for a setting
  build_scoped xl create -f "$2" || return 1
  domain_state "$1" || {
    says "xl create of $1 ended well, and yet it is not there"
    return 1
  }
  forget_built
  tell_back started "${3:-}"
}

verb_in_scope() { # NAME -- COMMAND…
  local name
  name=$1
  shift 2
  uptime_now
  CREATE_AT=$UPTIME
  build_scoped "$@" || return
  # looked at once, as the goal is: xl takes its time
  goal_domain_paused "$name" || return 0
  note_built "$DOMID" || {
    says 'cannot write which domain was built'
    return 1
  }
  seen
}

# destroy_paused: only what was never unpaused, so that nothing that a guest wrote is lost
verb_destroy_paused() { # NAME -- COMMAND…
  domain_state "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  case $STATE in
    *[scd]*) ;;
    *p*)
      written_nothing "$DOMID" || built_here "$DOMID" || {
        says "$1 is paused, and has written to its disk"
        return 1
      }
      shift 2
      run_command "$@" || return
      ;;
    *) return 0 ;;
  esac
  await_gone "$DOMID" 60 || return
  # it had not run yet, whatever was about to be done
  rm -f "$HERE/resumed"
  forget_built
}

verb_compare_attached() { # NAME VDEV TARGET…
  goal_attached "$@" || return 1
}

# ---- the commit

verb_unpause() { # NAME -- COMMAND…
  local name status
  name=$1
  shift 2
  epoch
  note_kept "$HERE/committing" "$NOW" || {
    rm -f "$HERE/committing"
    says 'cannot write that the commit begins'
    return 1
  }
  run_command "$@"
  status=$?
  if [ "$status" -ne 0 ]; then
    set -- "$SAYS"
    if has_not_run "$name"; then
      # not one write on the new disk, and no way for one: there still is a way back
      rm -f "$HERE/committing" && kept "$HERE"
      says "$1"
      return "$status"
    fi
    # what hangs is told, whatever it has done
    [ "$status" -ne "$GIVEN_UP" ] && runs "$name" || {
      says "$1"
      return "$status"
    }
    journal note message "$1, and had done it: $name runs"
  fi
  uptime_now
  RAN_AT=$UPTIME
  forget_built
  note_kept "$HERE/committed" "$NOW"
  journal commit domain "$name"
}

# commit_offline: the guest was down and stays down; what starts it next takes the new disk
verb_commit_offline() {
  write_kept "$HERE/committing" "offline $(date +%s)" && write_kept "$HERE/committed" "$(date +%s)" || {
    says 'cannot write that the commit begins'
    return 1
  }
  journal_kept commit domain "$DOMAIN"
}

# ---- ready

verb_wait_ready() { # NAME TIMEOUT tcp ADDRESS PORT | running SECONDS | command -- COMMAND…
  local name deadline how first absent since asked now answered looked
  name=$1 how=$3
  hundredths "$2"
  uptime_now
  since=$UPTIME deadline=$((UPTIME + CENTIS)) absent=0 first='' asked='' looked=$UPTIME
  count_copies
  # it was seen a moment ago, when it was let run
  [ "$how" = running ] || ! is_known "$name" || first=$DOMID asked=$UPTIME STATE=''
  shift 3
  [ "$how" != command ] || shift
  if [ "$how" = running ]; then
    hundredths "$1"
    [ "$((since + CENTIS + 500))" -le "$deadline" ] || deadline=$((since + CENTIS + 500))
  fi
  while :; do
    now=0
    if [ -z "$asked" ] || [ "$absent" -gt 0 ] || [ $((UPTIME - asked)) -ge "$ASK_CENTIS" ]; then
      # seldom: a guest that starts needs the processor too, and xl takes much of it
      asked=$UPTIME now=1
      domain_state "$name"
    fi
    case $? in
      0)
        absent=0
        case $STATE in
          *c*)
            says "$name has crashed"
            return 1
            ;;
        esac
        # a guest that reboots itself starts anew
        if [ "$DOMID" != "$first" ]; then
          [ -z "$first" ] || uptime_now
          [ -z "$first" ] || since=$UPTIME
          first=$DOMID
        fi
        ;;
      1)
        absent=$((absent + 1))
        [ "$absent" -lt 10 ] || {
          says "$name is gone"
          return 1
        }
        ;;
    esac
    if [ "$absent" -eq 0 ] && probe_ready "$how" "$since" "$@"; then
      uptime_now
      answered=$UPTIME
      [ "$now" -eq 0 ] || break
      # what answered is to be this guest, and to be still there
      domain_state "$name" && [ "$DOMID" = "$first" ] && case $STATE in *c*) false ;; esac && break
      asked=
    fi
    uptime_now
    # begun while it was down: with a leg that fails below one its writes wait, and it would never be ready
    if [ -n "$MIRRORS" ] && [ $((UPTIME - looked)) -ge 100 ] && ! committing; then
      looked=$UPTIME
      look_at_mirrors || return 1
    fi
    [ "$UPTIME" -lt "$deadline" ] || {
      says "$name runs on its new disk and is not ready in time"
      return 1
    }
    sleep 0.2
  done
  READY_AT=$answered
  # of two switches both count
  if [ -n "${DOWN_AT:-}" ] && [ "$DOWN_AT" != "$COUNTED" ]; then
    DOWNTIME=$((DOWNTIME + READY_AT - DOWN_AT)) COUNTED=$DOWN_AT
  fi
  seconds $((DOWNTIME + HELD_CENTIS))
  journal_kept ready domain "$name" 'downtime#' "$SECONDS_TEXT"
  guest_here
  give_turn
}

DOWNTIME=0
# the beginning of the switch that is in it already
COUNTED=

# bash opens sockets by itself: nothing to install
# shellcheck disable=SC2016
readonly OPEN_SOCKET='exec 3<>"/dev/tcp/$1/$2"'

probe_ready() { # HOW SINCE ARGUMENTS…
  local how since
  how=$1 since=$2
  shift 2
  case $how in
    tcp) timeout 2 bash -c "$OPEN_SOCKET" bash "$1" "$2" </dev/null >/dev/null 2>&1 9>&- ;;
    running)
      hundredths "$1"
      uptime_now
      case $STATE in *[pscd]*) return 1 ;; esac
      [ $((UPTIME - since)) -ge "$CENTIS" ]
      ;;
    command) timeout 30 "$@" </dev/null >>"$OUT" 2>&1 9>&- ;;
    *) return 1 ;;
  esac
}
