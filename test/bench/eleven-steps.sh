#!/bin/sh
# The eleven steps as people write them, to compare with: no preview, no checks, no way back, and it loses writes that
# a guest flushed late. For the lab's web1 only. Prints its own downtime: from the shutdown request to an open port.
set -eu
image=/srv/xen/web1/disk.img config=/etc/xen/web1.cfg
mkdir -p /mnt/snapshot /mnt/source /mnt/target
lvcreate -qq -y -Wy -Zy -L 160m -n web1-plain vg0
mkfs.ext4 -q -U "$(blkid -p -s UUID -o value "$image")" /dev/vg0/web1-plain
mount /dev/vg0/web1-plain /mnt/target

lvcreate -qq -y -s -L 256m -n images-plain vg0/images
mount /dev/vg0/images-plain /mnt/snapshot
mount -o loop /mnt/snapshot/web1/disk.img /mnt/source
rsync -aHAXS --numeric-ids --delete /mnt/source/ /mnt/target/
umount /mnt/source /mnt/snapshot
lvremove -qq -y vg0/images-plain

read -r before _ </proc/uptime
xl shutdown -w web1 >/dev/null
while [ -n "$(losetup -j "$image")" ]; do sleep 0.2; done
mount -o loop,ro "$image" /mnt/source
rsync -aHAXS --numeric-ids --delete /mnt/source/ /mnt/target/
umount /mnt/source /mnt/target
sed -i 's#file:/srv/xen/web1/disk.img#phy:/dev/vg0/web1-plain#' "$config"
xl create -q "$config"
until timeout 2 bash -c 'exec 3<>/dev/tcp/10.77.0.11/22' 2>/dev/null; do sleep 0.2; done
read -r after _ </proc/uptime
awk -v a="$after" -v b="$before" 'BEGIN { printf "downtime %.2f\n", a - b }'
