# Blocks are copied beforehand, a bitmap knows what changed since, and only that is mirrored. The bitmap is on Dom0's own ext4.
create_volume "$mib"
leave
attach
mdadm --build /dev/md/plain --level=1 --raid-devices=2 --assume-clean --bitmap=/root/plain.bitmap --bitmap-chunk=64K "$loop" missing >/dev/null 2>&1
come /dev/md/plain
dd if="$loop" of="$volume" bs=1M iflag=direct oflag=direct status=none
mdadm /dev/md/plain --re-add "$volume" >/dev/null 2>&1
until grep -q '\[UU\]' /proc/mdstat; do sleep 0.5; done
leave
mdadm --stop /dev/md/plain >/dev/null 2>&1
losetup -d "$loop"
rm /root/plain.bitmap
come "$volume"
echo "downtime $down"
