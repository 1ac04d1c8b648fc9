# The mission's plan A: md raid1 over image and volume, and the guest gets onto another device twice.
create_volume "$mib"
leave
attach
mdadm --build /dev/md/plain --level=1 --raid-devices=1 --force "$loop" >/dev/null 2>&1
come /dev/md/plain
mdadm --grow /dev/md/plain --raid-devices=2 --force >/dev/null 2>&1
mdadm /dev/md/plain --add "$volume" >/dev/null 2>&1
until grep -q '\[UU\]' /proc/mdstat; do sleep 0.5; done
leave
mdadm --stop /dev/md/plain >/dev/null 2>&1
losetup -d "$loop"
come "$volume"
echo "downtime $down"
