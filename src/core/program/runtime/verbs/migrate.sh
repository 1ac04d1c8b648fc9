# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# A live migration to the same host. For a moment there are two of the guest: NAME and NAME--incoming, then
# NAME--migratedaway and NAME (xl_migrate.c). Neither writes while the other could: the first is suspended before the
# second is whole, and the second stays paused until the first has gone.

verb_migrate_guest() { # NAME [VDEV TARGET]… -- COMMAND…
  local name old loops began status
  name=$1
  shift
  domid_of "$name" || {
    [ $? -ne 1 ] || says "$name is not there"
    return 1
  }
  old=$DOMID
  loops_of "$old"
  loops=$LOOPS
  forget_take_over
  # for whoever finds this run dead
  {
    printf '%s %s\n' "$old" "$(boot_id)"
    while [ "$1" != -- ]; do
      printf '%s\n' "$1"
      shift
    done
  } >"$HERE/migrating.new" && kept "$HERE/migrating.new" && mv -f "$HERE/migrating.new" "$HERE/migrating" &&
    kept "$HERE" || return 1
  shift
  uptime_now
  began=$UPTIME
  SWITCH=migrate
  rm -f "$HERE/stopped"
  printf '' >"$HERE/moving" || return
  { note_stopped "$old"; } </dev/null >/dev/null 2>&1 9>&- &
  # not yet, but any moment: note_stopped says when
  guest_away
  AWAY_ONCE=$HERE/stopped
  scoped "$@"
  status=$?
  AWAY_ONCE=
  rm -f "$HERE/moving"
  # after a failure it is looked at which of the two is whole (settle_migration), and nothing is tried again
  [ "$status" -eq 0 ] || return "$status"
  await_gone "$old" 60 "$loops" || {
    says "$name is migrated, and yet: $SAYS"
    return 1
  }
  domain_state "$name" || {
    says "$name is migrated, and not there"
    return 1
  }
  case $STATE in
    *[scd]*) says "$name is migrated, and in state $STATE" && return 1 ;;
    *p*) ;;
    *) says "$name runs before it was allowed to" && return 1 ;;
  esac
  read_fact stopped
  DOWN_AT=${CONTENT:-$began}
  uptime_now
  CREATE_AT=$UPTIME
  SHUTDOWN_CENTIS=$((UPTIME - DOWN_AT))
}

# note_stopped DOMID: when the first one was last seen running, for the measure of the downtime. Where nobody answers for as long
# as a command may take, it passes for stopped: the bound has to count from somewhere.
note_stopped() {
  local seen ran known
  ran=
  uptime_now
  known=$UPTIME
  while [ -e "$HERE/moving" ]; do
    uptime_now
    seen=$UPTIME
    # apart from the program, whose questions the ticker looks after
    STATE=$(timeout -s KILL 60 xl list "$1" 2>&1) && listed "$STATE" && set -- "$1" 0 || set -- "$1" 2
    case $2$STATE in
      2*'does not exist'*) set -- "$1" 1 ;;
      2*) [ $((UPTIME - known)) -lt "$BOUND" ] || set -- "$1" 1 ;;
      *) known=$UPTIME ;;
    esac
    case $2$STATE in
      0*[scd]* | 1*)
        printf '%s\n' "${ran:-$seen}" >"$HERE/stopped"
        return 0
        ;;
      0*) ran=$seen ;;
    esac
    sleep 0.2
  done
}

# migrates: a migration was begun, and the guest has not run since
migrates() {
  [ -e "$HERE/migrating" ] && ! [ -e "$HERE/resumed" ]
}

# settle_migration NAME CONFIG: one of the two runs on, whatever the migration came to; the other is destroyed. Their
# disks hold the same: none has run since the first one stopped.
verb_settle_migration() {
  local old boot copy stopped
  if given_back; then
    # or was about to be when the run died
    has_not_run "$1" || {
      tell_running "$1"
      return 0
    }
    rm -f "$HERE/resumed"
  fi
  [ -e "$HERE/migrating" ] || return 0
  read -r old boot <"$HERE/migrating"
  if [ "$boot" != "$(boot_id)" ]; then
    # the run answers for a reboot of Dom0, be it that the guest ran on before that, or was about to
    domain_state "$1"
    case $? in
      0)
        half_built "$DOMID" || return 0
        clear_half_built "$DOMID" || return 1
        ;;
      1) ;;
      *) return 1 ;;
    esac
    start_in_scope "$1" "$2"
    return
  fi
  migrates || return 0
  await_receiver "$1" || return
  domid_state "$old"
  case $? in
    0)
      case $STATE in
        *[scd]*) ;;
        *)
          # it runs on where it ran: nothing came of the migration
          destroy_copy "$1--incoming" && name_it "$old" "$1"
          return
          ;;
      esac
      ;;
    1) ;;
    *) return 1 ;;
  esac
  whole_copy "$1" "$old" || return
  # nothing is taken for lost because it was asked for in vain
  ! in_vain || return 1
  # of this boot, as the migration is
  read_fact stopped
  stopped=$CONTENT
  if [ -z "$COPY" ]; then
    journal note message "$1 was lost in its migration: it is started anew, as after a power failure"
    destroy_copy "$1--incoming" && destroy_stopped "$old" || return
    start_in_scope "$1" "$2" "$stopped"
    return
  fi
  copy=$COPY
  destroy_stopped "$old" && name_it "$copy" "$1" || return
  journal note message "$1 had been migrated: its copy runs on"
  # there is no other one, and no memory that could be used again: it runs, whether that can be written or not
  write_kept "$HERE/resumed" "$(boot_id)" || :
  let_run "$1" xl unpause -- "$copy" || return 1
  tell_back resumed "$stopped"
}

# await_receiver NAME: the far end, which is on this host too, ends soon after the near one, and destroys what is not whole
await_receiver() {
  local tries
  tries=150
  while [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    domid_of "$1--incoming"
    case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
    sleep 0.2
  done
}

# whole_copy NAME OLD: sets COPY, the domain id of the second one if it is there with all of its memory and with the
# planned disks. libxl gives it disks only when it has read all of the memory, and destroys one that it could not read.
whole_copy() {
  local name old copy
  name=$1 old=$2 COPY='' copy=''
  domid_of "$name"
  case $? in
    0) [ "$DOMID" = "$old" ] || copy=$DOMID ;;
    1) ;;
    *) return 1 ;;
  esac
  if [ -z "$copy" ]; then
    # its far end may have died, or not known that the near one had, before it was renamed
    name=$name--incoming
    domid_of "$name"
    case $? in
      0) copy=$DOMID ;;
      1) return 0 ;;
      *) return 1 ;;
    esac
  fi
  domid_state "$copy"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  case $STATE in *[scd]*) return 0 ;; esac
  on_planned_disks "$name"
  case $? in
    0) COPY=$copy ;;
    *)
      journal note message "the copy of $1 is not used: $SAYS"
      destroy_copy "$name"
      ;;
  esac
}

# on_planned_disks NAME: what migrate_guest wrote down
on_planned_disks() {
  local name vdev target
  name=$1
  set --
  {
    read -r vdev
    while IFS= read -r vdev && IFS= read -r target; do set -- "$@" "$vdev" "$target"; done
  } <"$HERE/migrating"
  says 'it has no disk'
  [ $# -gt 0 ] && goal_attached "$name" "$@"
}

# destroy_copy NAME: only one that never ran
destroy_copy() {
  domain_state "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  case $STATE in
    *[scd]*) ;;
    *p*)
      # one that is still being built has no disks yet, or none that is connected
      written_nothing "$DOMID" || never_ran "$DOMID" || {
        says "$1 has written to its disks"
        return 1
      }
      ;;
    *) says "$1 runs" && return 1 ;;
  esac
  run_command xl destroy -- "$DOMID" || return
  await_gone "$DOMID" 60
}

# destroy_stopped DOMID: the first one, which is suspended and cannot be woken by any command of xl's
destroy_stopped() {
  domid_state "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  loops_of "$1"
  set -- "$1" "$LOOPS"
  run_command xl destroy -- "$1" || return
  await_gone "$1" 60 "$2"
}

# name_it DOMID NAME: the name that it has between two others is not its own
name_it() {
  domid_of "$2"
  case $? in
    0) [ "$DOMID" = "$1" ] && return 0 ;;
    1) run_command xl rename -- "$1" "$2" && return 0 ;;
  esac
  says "$2 is the name of another domain than $1"
  return 1
}
