#!/usr/bin/env bash
# The lab: a real Xen Dom0 under QEMU's emulation. See README.md beside this file.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=lib/packages.sh
. "$here/lib/packages.sh"
# shellcheck source=lib/cache.sh
. "$here/lib/cache.sh"
# shellcheck source=lib/machine.sh
. "$here/lib/machine.sh"
# shellcheck source=lib/saved.sh
. "$here/lib/saved.sh"
# shellcheck source=lib/commands.sh
. "$here/lib/commands.sh"

usage() {
  cat <<'USAGE'
usage: lab.sh COMMAND [--name NAME] [--hypervisor main|security] [--cpu pv|svm] [ARGUMENTS]

  up         builds what is missing, boots a fresh Dom0, waits for it, prints how to reach it
  down       ends it and throws its disks away
  ssh        logs in, or runs ARGUMENTS there
  status     prints port, key and paths, as NAME=VALUE
  inventory  prints an inventory for converge
  power-cut  ends the machine as a power failure does; its disks stay
  boot       boots it again, on the same disks
  reboot     reboots Dom0 in order, and waits for it
  console    prints what Dom0 and Xen wrote on the serial console
  list       names the labs there are
  build      only builds the images

--name is `default` unless said (or $LAB_NAME); labs of different names live side by side.
--hypervisor: `security` (the newest of Debian 12; the default) or `main` (shadow paging: live-migrates PV guests).
--cpu: `pv` (the default), or `svm`, an emulated processor with nested virtualisation: PVH and HVM guests too.
USAGE
}

(($#)) || { usage >&2; exit 1; }
command=$1
shift
lab_name=${LAB_NAME:-default} hypervisor=${LAB_HYPERVISOR:-security} cpu=${LAB_CPU:-pv}
while (($#)); do
  case $1 in
    --name) lab_name=${2:?--name needs a value}; shift 2 ;;
    --hypervisor) hypervisor=${2:?--hypervisor needs a value}; shift 2 ;;
    --cpu) cpu=${2:?--cpu needs a value}; shift 2 ;;
    --) shift; break ;;
    -*) fail "no such option: $1" ;;
    *) break ;;
  esac
done
[[ $hypervisor == main || $hypervisor == security ]] || fail "--hypervisor is 'main' or 'security', not '$hypervisor'"
[[ $cpu == pv || $cpu == svm ]] || fail "--cpu is 'pv' or 'svm', not '$cpu'"
use_lab "$lab_name"

case $command in
  up | down | boot | reboot | status | inventory | list | build) command_"$command" "$@" ;;
  power-cut) command_power_cut ;;
  ssh) command_ssh "$@" ;;
  console) cat "$console" ;;
  -h | --help | help) usage ;;
  *) usage >&2; exit 1 ;;
esac
