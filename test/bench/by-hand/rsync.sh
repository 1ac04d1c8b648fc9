# The eleven steps, and they lose writes that a guest flushed late.
mkdir -p /mnt/snapshot /mnt/source /mnt/target
create_volume $((mib + 32))
mkfs.ext4 -q -U "$(blkid -p -s UUID -o value "$image")" "$volume"
mount "$volume" /mnt/target

lvcreate -qq -y -s -L 256m -n images-plain vg0/images
mount /dev/vg0/images-plain /mnt/snapshot
mount -o loop /mnt/snapshot/web1/disk.img /mnt/source
rsync -aHAXS --numeric-ids --delete /mnt/source/ /mnt/target/
umount /mnt/source /mnt/snapshot
lvremove -qq -y vg0/images-plain

leave
mount -o loop,ro "$image" /mnt/source
rsync -aHAXS --numeric-ids --delete /mnt/source/ /mnt/target/
umount /mnt/source /mnt/target
come "$volume"
echo "downtime $down"
