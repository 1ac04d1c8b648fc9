#!/usr/bin/env bash
# Makes a Debian tree the lab's Dom0: its own files, accounts, services, and what its guests boot.
#
#   dom0.sh TREE KEYS     KEYS is a directory with ssh keys: id, id.pub, host, host.pub
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$1 keys=$2
in_tree() { chroot "$tree" "$@"; }

cp -r --no-preserve=ownership "$here/dom0/." "$tree/"
mkdir -p "$tree/usr/local/share/lab-guest"
cp -r --no-preserve=ownership "$here/guest/." "$tree/usr/local/share/lab-guest/"
chmod 0440 "$tree/etc/sudoers.d/lab"
chmod 0755 "$tree"/usr/local/lib/lab/*
mkdir -p "$tree/srv/xen" "$tree/boot/guest" "$tree/var/log/xen/console" "$tree/var/lib/xen/save"

# What guests boot. Debian's own kernel, unpacked, and an initrd for each kind of root.
"$here/extract-kernel.sh" "$tree"/boot/vmlinuz-* "$tree/boot/guest/vmlinux"
"$here/initrd.sh" "$tree" "$tree/boot/guest/initrd" xen_blkfront xen_netfront crc32c_generic ext4
"$here/initrd.sh" "$tree" "$tree/boot/guest/initrd-xfs" xen_blkfront xen_netfront crc32c_generic xfs
rm -f "$tree"/boot/initrd.img-*

# Accounts: root and op by key alone, oppw by key but with a password for sudo.
echo dom0 >"$tree/etc/hostname"
printf '127.0.0.1 localhost\n10.77.0.1 dom0\n' >"$tree/etc/hosts"
in_tree useradd -m -s /bin/bash op
in_tree useradd -m -s /bin/bash oppw
echo 'oppw:labpw' | in_tree chpasswd
for home in root home/op home/oppw; do
  install -d -m 0700 "$tree/$home/.ssh"
  install -m 0600 "$keys/id.pub" "$tree/$home/.ssh/authorized_keys"
done
in_tree chown -R op: /home/op
in_tree chown -R oppw: /home/oppw
rm -f "$tree"/etc/ssh/ssh_host_*
install -m 0600 "$keys/host" "$tree/etc/ssh/ssh_host_ed25519_key"
install -m 0644 "$keys/host.pub" "$tree/etc/ssh/ssh_host_ed25519_key.pub"

# The guests' consoles are the record of what they were told is safe: kept, with times.
echo 'XENCONSOLED_ARGS="--log=guest --timestamp=guest --log-dir=/var/log/xen/console"' >>"$tree/etc/default/xen"

# What a guest of the mission never misses, and what makes an emulated boot slow.
in_tree systemctl -q enable systemd-networkd ssh lab-autostart
in_tree systemctl -q mask systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service \
  systemd-pstore.service systemd-update-utmp.service systemd-update-utmp-runlevel.service
