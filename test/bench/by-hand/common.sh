#!/bin/sh
# What the scripts by hand share. They are as people write them, to compare with: no preview, no checks, no way back. For the
# lab's web1 only. Each is given the way that the guest gets onto another device, restart or suspend, and the size of its disk,
# and prints its own downtime: from the request to shut down or to save, to an open port.
set -eu
way=${1:-restart} mib=${2:-128} image=/srv/xen/web1/disk.img config=/etc/xen/web1.cfg volume=/dev/vg0/web1-plain saved=/dev/shm/web1.save
loop='' down=0 begun=''

# leave: the guest is away, and nobody but the script has its image
leave() {
  read -r begun _ </proc/uptime
  case $way in
    restart) xl shutdown -w web1 >/dev/null ;;
    suspend) xl save web1 "$saved" >/dev/null 2>&1 ;;
  esac
  while xl domid web1 >/dev/null 2>&1; do sleep 0.2; done
  while [ -n "$(losetup -n -O NAME -j "$image" | grep -v "^${loop:-none}\$")" ]; do sleep 0.2; done
}

# come DEVICE: it is back, on that one
come() {
  local now
  sed -i "s#'[a-z]*:[^,]*,xvda1,w'#'phy:$1,xvda1,w'#" "$config"
  case $way in
    restart) xl create -q "$config" ;;
    suspend) xl restore "$config" "$saved" >/dev/null 2>&1 && rm "$saved" ;;
  esac
  until timeout 2 bash -c 'exec 3<>/dev/tcp/10.77.0.11/22' 2>/dev/null; do sleep 0.2; done
  read -r now _ </proc/uptime
  down=$(awk -v d="$down" -v a="$now" -v b="$begun" 'BEGIN { printf "%.2f", d + a - b }')
}

attach() {
  loop=$(losetup --find --show "$image")
  sectors=$(blockdev --getsz "$loop")
}

create_volume() { # MIB
  lvcreate -qq -y -Wy -Zy -L "$1m" -n web1-plain vg0
}
