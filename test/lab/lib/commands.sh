# Sourced by lab.sh: what a user asks for.
# shellcheck shell=bash

command_build() {
  ensure_packages "${needed[@]}"
  ensure_cache
  say "images are in $cache"
}

boot_machine() { # QEMU-ARGUMENTS…: takes $run, $cache, $hypervisor, $cpu; $port when it was given one before
  local overlay=cache=writeback,format=qcow2 arguments
  arguments=("file=$run/dom0.qcow2,$overlay" "file=$run/vg0.qcow2,$overlay" "file=$run/vg1.qcow2,$overlay" --
    -kernel "$cache/$hypervisor" -append "$xen_arguments"
    -initrd "$cache/vmlinux $dom0_arguments${LAB_DOM0_ARGUMENTS:+ $LAB_DOM0_ARGUMENTS},$cache/initrd" "$@")
  if [[ -n ${port:-} ]]; then
    machine "$port" "${arguments[@]}" || fail "qemu did not start"
  else
    machine_on_free_port "${arguments[@]}"
  fi
}

wait_until_ready() {
  wait_for_ssh 300
  # `degraded` is reached too when a unit has failed: said, and left to the test to judge.
  local state
  state=$(on_dom0 'systemctl is-system-running --wait') || say "Dom0 is $state: $(on_dom0 'systemctl --failed --plain --no-legend' | cut -d ' ' -f 1 | paste -sd ' ')"
  on_dom0 'xl list >/dev/null' || fail "Dom0 is up, but xl does not answer"
}

command_up() {
  local disk started=$SECONDS cache port='' saved='' is_woken=''
  ensure_packages "${needed[@]}"
  ! running || fail "the lab '$name' is up already: 'lab.sh down' first, or use another --name"
  mkdir -p -m 0700 "$runtime_home"
  [[ -O $runtime_home && ! -L $runtime_home ]] || fail "$runtime_home belongs to somebody else"
  [[ ! -e $run ]] || rm -rf "$run"
  mkdir -m 0700 "$run"
  ensure_cache "$run"
  if use_saved && is_saved; then
    if wake_saved; then is_woken=1; else say 'what was saved can not be gone on from: it boots'; port=''; fi
  fi
  if [[ -z $is_woken ]]; then
    for disk in dom0 vg0 vg1; do
      qemu-img create -q -f qcow2 -F raw -b "$cache/$disk.img" "$run/$disk.qcow2"
    done
    boot_machine
  fi
  printf 'cache=%q\nhypervisor=%q\ncpu=%q\nport=%q\n' "$cache" "$hypervisor" "$cpu" "$port" >"$run/lab.env"
  write_ssh_config "$cache/keys"
  if [[ $name == default ]]; then ln -sfn "$run/ssh_config" "$inventory_link"; fi
  if [[ -n $is_woken ]]; then
    wait_for_ssh 60
    set_clock
  else
    wait_until_ready
    if [[ -n $saved ]]; then save_booted; fi
  fi
  say "up after $((SECONDS - started)) s: Xen $(<"$cache/$hypervisor.version")"
  command_status
}

command_boot() { # again, on the same disks: after a power cut, or when Dom0 has powered off
  local cache hypervisor cpu port
  need_lab
  ! running || fail "the lab '$name' runs"
  boot_machine
  wait_until_ready
  command_status
}

command_reboot() { # in order, as an administrator does: xendomains saves the guests
  local cache hypervisor cpu port before
  need_lab
  before=$(on_dom0 cat /proc/sys/kernel/random/boot_id)
  on_dom0 'systemctl reboot --no-block'
  until_true 600 rebooted_since "$before" || fail "Dom0 is not back after 600 s: see $console"
  wait_until_ready
}
rebooted_since() {
  local now
  now=$(on_dom0 cat /proc/sys/kernel/random/boot_id 2>/dev/null) && [[ $now != "$1" ]]
}

command_power_cut() {
  local cache hypervisor cpu port
  need_lab
  power_cut
}

command_down() {
  if [[ ! -e $run ]]; then say "no lab '$name' is up"; return 0; fi
  power_cut
  # shellcheck source=/dev/null
  if [[ -f $run/lab.env ]]; then . "$run/lab.env"; rm -f "$cache/users/${run//\//_}"; fi
  rm -rf "$run"
  if [[ $(readlink "$inventory_link") == "$run/ssh_config" ]]; then rm -f "$inventory_link"; fi
}

command_status() {
  local cache hypervisor port state=stopped
  need_lab
  if running; then state=running; fi
  cat <<STATUS
name=$name
state=$state
hypervisor=$hypervisor
cpu=${cpu:-pv}
run=$run
port=$port
key=$run/id
known_hosts=$run/known_hosts
ssh_config=$run/ssh_config
console=$console
STATUS
}

command_ssh() {
  local cache hypervisor cpu port
  need_lab
  exec ssh -F "$run/ssh_config" dom0 "$@"
}

command_inventory() { # [USER]
  local cache hypervisor cpu port
  need_lab
  cat <<INVENTORY
xen:
  hosts:
    dom0:
      ansible_host: 127.0.0.1
      ansible_port: $port
      ansible_user: ${1:-root}
      ansible_ssh_private_key_file: $run/id
      ansible_ssh_common_args: -o UserKnownHostsFile=$run/known_hosts -o IdentitiesOnly=yes -o IdentityAgent=none
INVENTORY
}

command_list() {
  local entry
  for entry in "$runtime_home"/*/; do
    [[ -d $entry ]] || continue
    use_lab "$(basename "$entry")"
    if running; then echo "$name running"; else echo "$name stopped"; fi
  done
}
