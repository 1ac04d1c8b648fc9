import type { Lab } from './lab.js';

const helpers = '/usr/local/lib/lab';

/** Long, because it only has to end what hangs: on a busy machine an emulated second takes several. */
const patienceSeconds = 240;

/** What a record writer was told is safe. Times are of Dom0's clock, to the second. */
export interface Acks {
  readonly highest: number;
  readonly first: string;
  readonly last: string;
}

/** Starts a guest from /etc/xen and waits until its console says that it is up. */
export async function startGuest(lab: Lab, guest: string): Promise<void> {
  const lines = (await lab.consoleLog(guest)).split('\n').length - 1;
  await lab.run(['xl', 'create', `/etc/xen/${guest}.cfg`]);
  await waitForConsole(lab, guest, `${guest} is up, boot`, { skipLines: Math.max(0, lines) });
}

/** The same guest on the same disks, as a PVH one: its kernel has both entries. For the next start. */
export async function makePvh(lab: Lab, guest: string): Promise<void> {
  // without native the emulated processor lets it crash on RDTSCP
  await lab.run(['sh', '-c', 'sed -i "/^type/d" "/etc/xen/$1.cfg" && printf \'\\ntype = "pvh"\\ntsc_mode = "native"\\n\' >>"/etc/xen/$1.cfg"', 'sh', guest]);
}

/**
 * The same guest on the same disks, as an HVM one, for the next start. Its firmware loads the packed kernel: the unpacked one,
 * which it does not take for a kernel, leaves it looking for something to boot for ever. One disk of such a guest is emulated
 * until its own drivers take over, by the number of the whole disk, so that it can not have two partitions of one.
 */
export async function makeHvm(lab: Lab, guest: string): Promise<void> {
  await lab.run(["sh", "-ec", `
sed -i "/^type/d; /^vnc/d; s,/boot/guest/vmlinux,$(echo /boot/vmlinuz-*)," "/etc/xen/$1.cfg"
printf '\\ntype = "hvm"\\ntsc_mode = "native"\\nvga = "none"\\nnographic = 1\\nvnc = 0\\n' >>"/etc/xen/$1.cfg"`, "sh", guest]);
}

/**
 * An HVM guest that runs no drivers of Xen's from its next start on: its disk and card are those that its QEMU emulates, it writes to
 * a serial port, which is copied to where other guests' consoles are, and it goes down where its power button is pressed.
 * @param image of a whole disk, whose first partition has its root
 */
export async function withoutDrivers(lab: Lab, guest: string, image: string): Promise<void> {
  await lab.run(["sh", "-ec", `
mkdir /root/initrd-ata && cd /root/initrd-ata
cpio --quiet -id </boot/guest/initrd
for module in ata_piix sd_mod 8139cp button evdev; do
  modprobe --show-depends "$module" | while read -r what path _; do
    name=\${path##*/}
    [ "$what" = insmod ] && [ ! -e "lib/$name" ] || continue
    cp "$path" "lib/$name"
    echo "/lib/$name" >>modules.load
  done
done
find . | cpio --quiet -o -H newc -R 0:0 >/boot/guest/initrd-ata
disk=$(losetup -P --find --show "$2")
udevadm settle
mount "\${disk}p1" /mnt
mkdir -p /mnt/etc/acpi/PWRF
printf '#!/bin/sh\necho power button >/dev/console\npoweroff\n' >/mnt/etc/acpi/PWRF/00000080
chmod +x /mnt/etc/acpi/PWRF/00000080
echo '::respawn:/bin/acpid -f' >>/mnt/etc/inittab
umount /mnt
losetup -d "$disk"
sed -i 's,/boot/guest/initrd,&-ata,; s,/dev/xvda1,/dev/sda1,; s,console=hvc0,console=ttyS0 xen_nopv,' "/etc/xen/$1.cfg"
echo "serial = 'file:/root/serial-$1'" >>"/etc/xen/$1.cfg"
touch "/root/serial-$1"
systemd-run --quiet --collect --unit="lab-serial-$1" sh -c 'tail -n +1 -F "$1" |
  busybox awk "{ sub(/\\r/, \\"\\"); print strftime(\\"[%Y-%m-%d %H:%M:%S]\\"), \\$0; fflush() }" >>"$2"' sh "/root/serial-$1" "/var/log/xen/console/guest-$1.log"`,
  "sh", guest, image], { timeoutSeconds: 300 });
}

/**
 * Its kernel lies in its own disk from then on, where pygrub finds it; what Dom0 has of it is no longer named.
 * @param image of a file system, or of a whole disk whose first partition has one
 */
export async function kernelInside(lab: Lab, guest: string, image: string): Promise<void> {
  await lab.run(["sh", "-ec", `
sed -i '/^kernel\\|^ramdisk\\|^cmdline/d' "/etc/xen/$1.cfg"
grep -q '^extra' "/etc/xen/$1.cfg" || echo 'extra = "quiet"' >>"/etc/xen/$1.cfg"
echo 'bootloader = "pygrub"' >>"/etc/xen/$1.cfg"
disk=$(losetup -P --find --show "$2")
udevadm settle
part=$disk root='(hd0)'
[ ! -b "\${disk}p1" ] || part=\${disk}p1 root='(hd0,0)'
mount "$part" /mnt
mkdir -p /mnt/boot/grub
cp /boot/guest/vmlinux /boot/guest/initrd /mnt/boot/
printf '%s\\n' 'default 0' 'timeout 0' 'title lab' " root $root" ' kernel /boot/vmlinux root=/dev/xvda1 rw console=hvc0 quiet' \\
  ' initrd /boot/initrd' >/mnt/boot/grub/menu.lst
umount /mnt
losetup -d "$disk"`, "sh", guest, image], { timeoutSeconds: 300 });
}

/** Asks a guest to shut down, and waits until it and its loop devices are gone. */
export async function stopGuest(lab: Lab, guest: string): Promise<void> {
  // or presses its power button, where it hears of nothing else
  await lab.run(['xl', 'shutdown', '-F', '-w', guest]);
  await lab.run([`${helpers}/wait-gone`, guest, String(patienceSeconds)]);
}

/** How often a guest has booted, by its own count. */
export async function boots(lab: Lab, guest: string): Promise<number> {
  return (await lab.consoleLog(guest)).split(`${guest} is up, boot`).length - 1;
}

/** Waits for a line (an extended regular expression) on a guest's console, and gives it back with its time. */
export async function waitForConsole(
  lab: Lab,
  guest: string,
  pattern: string,
  options: { readonly seconds?: number; readonly skipLines?: number } = {},
): Promise<string> {
  const seconds = options.seconds ?? patienceSeconds;
  const argv = [`${helpers}/wait-console`, guest, pattern, String(seconds), String(options.skipLines ?? 0)];
  return (await lab.run(argv, { timeoutSeconds: seconds + 30 })).stdout;
}

/** Runs a command in a running guest, through the root shell that it offers on the lab's bridge. */
export async function runInGuest(lab: Lab, address: string, command: string): Promise<string> {
  return (await lab.run([`${helpers}/guest-sh`, address, command])).stdout;
}

export async function acks(lab: Lab, guest: string): Promise<Acks> {
  const { stdout } = await lab.run([`${helpers}/acks`, guest]);
  const value = new Map(stdout.trim().split(' ').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  const read = (key: string): string => {
    const found = value.get(key);
    if (found === undefined) throw new Error(`acks printed no ${key}: ${stdout}`);
    return found;
  };
  return {
    highest: Number(read('highest')),
    first: read('first'),
    last: read('last'),
  };
}

/**
 * The first record that a guest has acknowledged since its last start: it goes on behind the last one that it finds, so that one which
 * it was told is safe, and which a power cut has lost, is written anew.
 */
export async function firstSinceStart(lab: Lab, guest: string): Promise<number> {
  const text = await lab.consoleLog(guest);
  return Number(/\] ack (\d+)\s*$/m.exec(text.slice(text.lastIndexOf(`${guest} is up, boot`)))?.[1]);
}

/**
 * The longest silence between two acknowledgements, of that record and those after it, in seconds of Dom0's clock: the downtime
 * that the guest's users saw.
 */
export async function longestSilence(lab: Lab, guest: string, from: number): Promise<number> {
  let before: number | undefined;
  let longest = 0;
  for (const [, time = '', record] of (await lab.consoleLog(guest)).matchAll(/^\[([\d :-]+)\] ack (\d+)\s*$/gm)) {
    if (Number(record) < from) continue;
    const at = Date.parse(`${time.replace(' ', 'T')}Z`) / 1000;
    longest = Math.max(longest, at - (before ?? at));
    before = at;
  }
  if (before === undefined) throw new Error(`${guest} has acknowledged nothing from record ${String(from)} on`);
  return longest;
}

/** Throws if the guest was told that a read or a write had failed: whatever lies on its disk then, that must not happen. */
export async function expectNoErrors(lab: Lab, guest: string): Promise<void> {
  const errors = (await lab.consoleLog(guest)).split('\n').filter((line) => /I\/O error|(?:write|fsync) of .* failed/.test(line));
  if (errors.length > 0) throw new Error(`${guest} was told of errors:\n${errors.slice(0, 10).join('\n')}`);
}

/**
 * Throws unless every acknowledged record of a stopped record writer lies on `disk` (an image file or a device on
 * Dom0, with `:N` for a partition), and it was told of no error. Gives back what was found, as `ok records=K acked=N`. `atLeast` is a record that was
 * seen to be acknowledged: after a power cut the console's log, kept on Dom0, has lost its end.
 */
export async function checkRecords(lab: Lab, disk: string, guest: string, atLeast = 0): Promise<string> {
  await expectNoErrors(lab, guest);
  return (await lab.run([`${helpers}/records`, disk, guest, String(atLeast)])).stdout.trim();
}

/** As checkRecords, for the late overwriter. */
export async function checkLate(lab: Lab, disk: string, guest: string): Promise<string> {
  await expectNoErrors(lab, guest);
  return (await lab.run([`${helpers}/late-check`, disk, guest])).stdout.trim();
}

/** A canonical description of the tree `path` on a stopped guest's disk, a line a file, to compare with another's. */
export async function fingerprint(lab: Lab, disk: string, path: string, skip: readonly string[] = []): Promise<string[]> {
  const skips = skip.flatMap((entry) => ['--skip', entry]);
  const { stdout } = await lab.run([`${helpers}/with-disk`, disk, `${helpers}/fingerprint`, ...skips, `{}/${path}`]);
  return stdout.split('\n');
}

/** hard1's files, as a copy of them has to have them. */
export async function hardFiles(lab: Lab, disk: string): Promise<string[]> {
  // zeros that were written read the same as the holes that rsync --sparse makes of them
  return (await fingerprint(lab, disk, 'srv', ['flags'])).map((line) => (line.includes('zeros that are written') ? line.replace(/ sparse$/, '') : line));
}
