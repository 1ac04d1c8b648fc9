#!/usr/bin/env bash
# What scripts/demo shows once all is set up: a real Xen Dom0, a real guest that writes all the while, and one playbook that moves it to LVM.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lab=$root/test/lab/lab.sh
converge=$root/dist/src/edge/cli/main.js
work=$(mktemp -d)
trap 'rm -rf "$work"; "$lab" down --name demo' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "== $*"; }
if [[ ! -t 1 || -n ${NO_COLOR:-} ]]; then say() { printf '\n== %s\n' "$*"; }; fi
show() {
  printf '$ converge %s\n' "$*"
  (cd "$work" && node "$converge" "$@")
}
on_dom0() { "$lab" ssh --name demo "$@"; }

say "A real Xen Dom0 boots under emulation (the first time its disk is built: minutes)"
"$lab" up --name demo >/dev/null
"$lab" inventory --name demo >"$work/lab.yml"
cp "$root/playbooks/demo.yml" "$work/demo.yml"

say "Guest web1 starts from its image file; it writes and flushes numbered records without pause"
on_dom0 xl create -q /etc/xen/web1.cfg
on_dom0 "/usr/local/lib/lab/wait-console web1 '] ack 20\$' 300"

say "The preview: reads the host, changes nothing"
show --check -i lab.yml demo.yml

say "The move: the guest is down for one short pass only"
show -i lab.yml demo.yml --yes

say "The second run finds nothing to do"
show -i lab.yml demo.yml --yes

say "The guest runs on its volumes, and what it was told is safe is there"
on_dom0 'xl list web1; lvs -o lv_name,lv_size,lv_tags vg0; /usr/local/lib/lab/acks web1'
on_dom0 'xl shutdown -w web1 >/dev/null; /usr/local/lib/lab/wait-gone web1; /usr/local/lib/lab/records /dev/vg0/web1-root web1 0'
