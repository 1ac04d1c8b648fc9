# Sourced by lab.sh: where things are, and how to say that something is wrong.
# shellcheck shell=bash

fail() { echo "lab: $*" >&2; exit 1; }
say() { echo "lab: $*" >&2; }

lab_home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
recipe=$lab_home/recipe
cache_home=${XDG_CACHE_HOME:-$HOME/.cache}/converge-lab
# how inventory/lab.yml reaches the lab that has no name of its own
inventory_link=$(cd "$lab_home/../.." && pwd)/inventory/lab.ssh_config
runtime_home=${TMPDIR:-/tmp}/converge-lab-$UID

# until_true SECONDS COMMAND…: asks again and again, and fails when the time is over
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

use_lab() { # NAME: sets the paths of one lab
  [[ $1 =~ ^[a-z0-9][a-z0-9-]{0,30}$ ]] || fail "a lab's name is of a-z, 0-9 and -: '$1' is not"
  name=$1
  run=$runtime_home/$name
  console=$run/console.log
}

need_lab() { # reads what `up` wrote: cache, hypervisor, cpu, port
  [[ -f $run/lab.env ]] || fail "no lab '$name' is up (looked in $run)"
  # shellcheck source=/dev/null
  . "$run/lab.env"
}
