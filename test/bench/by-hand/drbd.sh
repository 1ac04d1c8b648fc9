# The mission's plan B: DRBD from 127.0.0.1 to 127.0.0.2, and the guest gets onto another device twice.
create_volume "$mib"
modprobe drbd
helper=$(cat /sys/module/drbd/parameters/usermode_helper)
echo /bin/true >/sys/module/drbd/parameters/usermode_helper
resource() { # NAME MINOR DISK
  truncate -s 4M "/run/$1.meta"
  meta=$(losetup --find --show "/run/$1.meta")
  drbdsetup new-resource "$1"
  drbdsetup new-minor "$1" "$2" 0
  drbdmeta --force "$2" v08 "$meta" flex-external create-md >/dev/null 2>&1
  drbdsetup attach "$2" "$(readlink -e "$3")" "$meta" flexible "--size=${sectors}s"
  drbdsetup disk-options "$2" --c-plan-ahead=0 --resync-rate=4G --c-min-rate=0
  losetup -d "$meta"
}
leave
attach
resource plain0 950 "$loop"
drbdsetup primary 950 --force
come /dev/drbd950
resource plain1 951 "$volume"
drbdsetup connect plain0 127.0.0.1:7950 127.0.0.2:7950 --protocol=C
drbdsetup connect plain1 127.0.0.2:7950 127.0.0.1:7950 --protocol=C
until grep -q '^ *950: .* ds:UpToDate/UpToDate' /proc/drbd; do sleep 0.5; done
leave
drbdsetup down plain0
drbdsetup down plain1
losetup -d "$loop"
rm /run/plain0.meta /run/plain1.meta
echo "$helper" >/sys/module/drbd/parameters/usermode_helper
come "$volume"
echo "downtime $down"
