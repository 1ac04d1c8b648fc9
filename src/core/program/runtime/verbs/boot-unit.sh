# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The unit that looks after the guest when Dom0 reboots in mid-run: before xendomains, which would start or restore it.

# A run that was undone ends with a code of its own, and the unit has done its work all the same: it ends with 0. A `-`
# before the command would not do: the undo takes the unit's file away, and systemd forgets what it said (seen).
verb_install_boot_unit() { # UNIT
  cat >"$UNITS/$1.new" <<UNIT || return 1
[Unit]
Description=converge: bring $SAFE back after a reboot in mid-run
After=local-fs.target network.target network-online.target systemd-udevd.service dbus.service
After=xen.service xenstored.service xenconsoled.service xen-init-dom0.service xen-qemu-dom0-disk-backend.service
Before=xendomains.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c '/bin/sh "\$\$0" recover; exit 0' $HERE/program.sh
TimeoutStartSec=900
KillMode=process

[Install]
WantedBy=multi-user.target
UNIT
  chmod 0644 "$UNITS/$1.new" && kept "$UNITS/$1.new" && mv -f "$UNITS/$1.new" "$UNITS/$1" || return 1
  # it is for the next boot, which reads all units anew: this one need not, and takes seconds for it on a slow host
  run_command systemctl --no-reload enable "$1" || return
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
