#!/bin/sh
# The mission's plan A as people do it by hand: md raid1 over image and volume, with two restarts. No preview, no checks, no
# way back. For the lab's web1 only. Prints its own downtime: both times from the shutdown request to an open port.
set -eu
image=/srv/xen/web1/disk.img config=/etc/xen/web1.cfg
restart_on() {
  read -r before _ </proc/uptime
  xl shutdown -w web1 >/dev/null
  while xl domid web1 >/dev/null 2>&1; do sleep 0.2; done
  while [ -n "$(losetup -n -O NAME -j "$image" | grep -v "^${loop:-none}\$")" ]; do sleep 0.2; done
  [ -n "${loop:-}" ] || {
    loop=$(losetup --find --show "$image")
    mdadm --build /dev/md/plain --level=1 --raid-devices=1 --force "$loop" >/dev/null 2>&1
  }
  sed -i "s#'[a-z]*:[^,]*,xvda1,w'#'phy:$1,xvda1,w'#" "$config"
  xl create -q "$config"
  until timeout 2 bash -c 'exec 3<>/dev/tcp/10.77.0.11/22' 2>/dev/null; do sleep 0.2; done
  read -r after _ </proc/uptime
  down=$(awk -v d="${down:-0}" -v a="$after" -v b="$before" 'BEGIN { printf "%.2f", d + a - b }')
}
lvcreate -qq -y -Wy -Zy -L 128m -n web1-plain vg0
restart_on /dev/md/plain
mdadm --grow /dev/md/plain --raid-devices=2 --force >/dev/null 2>&1
mdadm /dev/md/plain --add /dev/vg0/web1-plain >/dev/null 2>&1
until grep -q '\[UU\]' /proc/mdstat; do sleep 0.5; done
restart_on /dev/vg0/web1-plain
mdadm --stop /dev/md/plain >/dev/null 2>&1
losetup -d "$loop"
echo "downtime $down"
