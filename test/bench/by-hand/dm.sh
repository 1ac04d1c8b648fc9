# A mirror of device-mapper's under a name of its own: the guest gets onto another device once.
create_volume "$mib"
table() { dmsetup reload plain --table "$1" && dmsetup suspend plain && dmsetup resume plain; }
leave
attach
dmsetup create plain --table "0 $sectors linear $loop 0"
come /dev/mapper/plain
table "0 $sectors mirror core 2 1024 nosync 2 $loop 0 $volume 0 1 handle_errors"
until dmsetup status plain | grep -Eq ' ([0-9]+)/\1 '; do sleep 0.5; done
table "0 $sectors linear $volume 0"
losetup -d "$loop"
sed -i "s#/dev/mapper/plain#$volume#" "$config"
echo "downtime $down"
