# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The unit that looks after the guest when Dom0 reboots in mid-run. Its text is made by the plan (model/unit.ts), which shows it.

verb_install_boot_unit() { # UNIT LINE…: its text, in which @RUN@ stands for this run's directory
  local unit line
  unit=$1
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
  [ -e "$UNITS/$1" ] || [ -L "$UNITS/multi-user.target.wants/$1" ] || return 0
  run_command systemctl --no-reload disable "$1"
  rm -f "$UNITS/$1" "$UNITS/$1.new" "$UNITS/multi-user.target.wants/$1"
  kept "$UNITS"
}
