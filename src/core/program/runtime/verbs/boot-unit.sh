# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The unit that looks after the guest when Dom0 reboots in mid-run. Its text is made by the plan (model/unit.ts), which shows it.
# A guest has one. A run that replaces an earlier one's, since the guest is on a device which that one made, or is about to be,
# notes whose it was: until it commits, a boot needs what that one brings back as well (recover_earlier), and if it is taken back
# the earlier unit is there again.

verb_install_boot_unit() { # UNIT LINE…: its text, in which @RUN@ stands for this run's directory
  local unit line
  unit=$1
  note_earlier "$UNITS/$unit" || {
    says "cannot write whose unit $unit was"
    return 1
  }
  shift
  for line in "$@"; do
    case $line in *@RUN@*) line=${line%%@RUN@*}$HERE${line#*@RUN@} ;; esac
    printf '%s\n' "$line" || return 1
  done >"$UNITS/$unit.new" || return 1
  chmod 0644 "$UNITS/$unit.new" && kept "$UNITS/$unit.new" && mv -f "$UNITS/$unit.new" "$UNITS/$unit" || return 1
  # it is for the next boot, which reads all units anew: this one need not, and takes seconds for it on a slow host
  run_command systemctl --no-reload enable "$unit" || return
  # the link is what makes it run
  kept "$UNITS/multi-user.target.wants"
  kept "$UNITS"
}

verb_remove_boot_unit() { # UNIT
  if [ "$MODE" = undo ] && [ -n "$LEFT" ]; then
    # the next boot tries again what could not be taken back now
    says 'stays while something newer is not taken back'
    return 1
  fi
  if [ "$MODE" = undo ] && [ -n "$UNSTARTED" ]; then
    says "stays while $DOMAIN is not up"
    return 1
  fi
  # a later run's, which calls this one at a boot as well
  if [ "$MODE" = undo ] && [ -e "$UNITS/$1" ] && ! grep -qsF "$HERE/program.sh" "$UNITS/$1"; then return 0; fi
  # one that has committed has the last word
  if [ "$MODE" = undo ] && ! committing && grep -qsF "$HERE/program.sh" "$UNITS/$1" && earlier_program; then
    put_back_unit "$UNITS/$1" "$EARLIER"
    return
  fi
  [ -e "$UNITS/$1" ] || [ -L "$UNITS/multi-user.target.wants/$1" ] || return 0
  run_command systemctl --no-reload disable "$1"
  rm -f "$UNITS/$1" "$UNITS/$1.new" "$UNITS/multi-user.target.wants/$1"
  kept "$UNITS"
}

# note_earlier FILE: the programs that it calls until now, the newest first, into `before`
note_earlier() {
  local program run
  # however it is called there: another version of converge wrote it
  program=$(sed -n "s|^ExecStart=.*[ '\"]\\(/[^ '\"]*/program\\.sh\\).*|\\1|p" "$1" 2>/dev/null)
  [ -n "$program" ] && [ "$program" != "$HERE/program.sh" ] && [ -f "$program" ] || return 0
  run=${program%/program.sh}
  {
    brings_nothing_back "$run" || printf '%s\n' "$program"
    [ ! -e "$run/before" ] || cat "$run/before"
  } >"$HERE/before" && kept "$HERE/before"
}

# brings_nothing_back RUN: it was taken back whole, and makes no device: a guest may have stayed on one also where all is taken back
brings_nothing_back() {
  [ ! -e "$1/unfinished" ] && [ ! -e "$1/unstarted" ] && [ ! -s "$1/committing" ] &&
    grep -qsxE 'failed|refused|stopped' "$1/ended" && ! grep -qE '^ *act drop_(mapping|device) ' "$1/program.sh"
}

# earlier_program: sets EARLIER, the newest program that was called at boot before this one. 1: there was none, or it is gone
earlier_program() {
  EARLIER=
  [ -s "$HERE/before" ] && read -r EARLIER <"$HERE/before" && [ -f "$EARLIER" ]
}

put_back_unit() { # FILE PROGRAM
  local line
  while IFS= read -r line; do
    case $line in *"$HERE/program.sh"*) line=${line%%"$HERE/program.sh"*}$2${line#*"$HERE/program.sh"} ;; esac
    printf '%s\n' "$line" || return 1
  done <"$1" >"$1.new" || return 1
  chmod 0644 "$1.new" && kept "$1.new" && mv -f "$1.new" "$1" && kept "$UNITS"
}

# recover_earlier: after a boot, once this run is taken back. Since it has not committed, the word of those before it counts.
recover_earlier() {
  local program
  ! committing || return 0
  while read -r program; do
    # with books, and an end, of its own
    [ ! -f "$program" ] || /bin/sh "$program" recover </dev/null || :
  done <"$HERE/before"
}
