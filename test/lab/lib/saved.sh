# Sourced by lab.sh: a Dom0 that has just booted, kept beside the images that it booted from. The next lab goes on from there,
# which takes seconds: QEMU's state is all of the machine, Xen included.
# shellcheck shell=bash

# older ones are made anew: the clock jumps to what it is when one is woken
saved_minutes=360

use_saved() { # takes $cache, $hypervisor, $cpu: sets $saved; not for machines that somebody asks for otherwise
  local machine
  [[ ${cpu:-pv} == pv && -z ${LAB_DOM0_ARGUMENTS:-} && -z ${LAB_FRESH:-} ]] || return 1
  machine=$(qemu-system-x86_64 --version | head -n 1)
  saved=$cache/booted-$(printf '%s\n' "$machine" "$hypervisor" "$memory" "$accelerator" "$xen_arguments" "$dom0_arguments" | sha256sum | cut -c 1-16)
}

is_saved() {
  [[ -n $(find "$saved/state" -mmin "-$saved_minutes" 2>/dev/null) ]]
}

qmp() { node "$lab_home/lib/qmp.js" "$run/qmp" "$@"; }

migrated() { [[ $(qmp query-migrate) == *'"status":"completed"'* ]]; }

save_booted() { # the machine stands still for some seconds. What can not be kept is no reason to do without it.
  local new
  # of others, and what somebody has not finished
  find "$cache" -maxdepth 1 -name 'booted-*' -mmin "+$saved_minutes" -exec rm -rf {} +
  new=$(mktemp -d "$saved.XXXXXX") || return 0
  on_dom0 sync
  if qmp stop >/dev/null && write_state "$new"; then
    rm -rf "$saved"
    # somebody else's is as good
    mv -T "$new" "$saved" 2>/dev/null || rm -rf "$new"
  else
    say 'what has booted is not kept: the next lab boots too'
    qmp migrate_cancel >/dev/null || :
    rm -rf "$new"
  fi
  qmp cont >/dev/null || fail 'the machine stands still, and does not go on'
}

write_state() { # DIRECTORY
  qmp migrate-set-parameters '{"max-bandwidth":10000000000}' >/dev/null &&
    qmp migrate "{\"uri\":\"exec:cat >$1/state\"}" >/dev/null &&
    until_true 60 migrated &&
    cp --sparse=always "$run"/{dom0,vg0,vg1}.qcow2 "$console" "$1/"
}

woken() { [[ $(qmp query-status 2>/dev/null) == *'"status":"paused"'* ]]; }
woken_or_died() { woken || stopped; }

wake_saved() { # boots nothing: the machine goes on, with the time that it is now
  cp --sparse=always "$saved"/{dom0,vg0,vg1}.qcow2 "$saved/console.log" "$run/" || return
  boot_machine -incoming "exec:cat $saved/state" || return
  if until_true 60 woken_or_died && running && qmp cont >/dev/null; then return 0; fi
  power_cut
  return 1
}

set_clock() { on_dom0 "date -u -s @$(date +%s) >/dev/null"; }
