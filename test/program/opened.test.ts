import { appendFileSync, linkSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Action } from "../../src/core/model/step.js";
import type { StubHost } from "./host.js";
import { device, look, seen, VOLUME } from "./look.js";
import type { Case } from "./look.js";

/** What processes of Dom0 have open. */

const ofImage = (host: StubHost): Action => look("guard_free", host.image, host.domain);
/** The guest is on a device of this run's own by then, and not on the image. */
const ofMirrored = (host: StubHost): Action => {
  rmSync(join(host.state, "doms/7/vbd"), { recursive: true });
  rmSync(join(host.state, "loops/loop0"), { recursive: true });
  return look("guard_free", host.image, "");
};
const ofVolume = (): Action => look("guard_volume", VOLUME);

/** More than the kernel gives to any process: one of those that the program starts is not counted as a stranger's. */
const PID = "9999999";

interface Process {
  readonly opens: string;
  readonly flags?: string;
  readonly name?: string;
  readonly words?: readonly string[];
}

/** A process with something open. */
const process = (what: (host: StubHost) => Process) => (host: StubHost): void => {
  const { opens, flags = "0100002", name = "qemu-nbd", words = ["qemu-nbd"] } = what(host);
  const folder = join(host.root, `proc/${PID}`);
  mkdirSync(join(folder, "fd"), { recursive: true });
  mkdirSync(join(folder, "fdinfo"));
  symlinkSync("/dev/null", join(folder, "fd/0"));
  symlinkSync(opens, join(folder, "fd/7"));
  for (const fd of ["0", "7"]) writeFileSync(join(folder, "fdinfo", fd), `pos:\t0\nflags:\t${fd === "0" ? "0100002" : flags}\nmnt_id:\t30\n`);
  writeFileSync(join(folder, "comm"), `${name}\n`);
  writeFileSync(join(folder, "cmdline"), words.map((word) => `${word}\0`).join(""));
};

const QEMU = (domid: string): Pick<Process, "name" | "words"> => ({ name: "qemu-system-i38", words: ["/usr/bin/qemu-system-i386", "-xen-domid", domid, "-no-shutdown"] });

/** A namespace of the kernel's NVMe target. */
const nvme = (serves: (host: StubHost) => string, enable: 0 | 1) => (host: StubHost): void => {
  const folder = join(host.root, "sys/kernel/config/nvmet/subsystems/one/namespaces/1");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "device_path"), `${serves(host)}\n`);
  writeFileSync(join(folder, "enable"), `${String(enable)}\n`);
};

const OPENED: readonly Case[] = [
  { name: "a process has the image open for writing", looks: ofImage, does: process((host) => ({ opens: host.image })), says: /disk\.img is open for writing by qemu-nbd \(9999999\)/ },
  { name: "… while it is mirrored", looks: ofMirrored, does: process((host) => ({ opens: host.image })), says: /is open for writing by qemu-nbd/ },
  { name: "… only writing", looks: ofImage, does: process((host) => ({ opens: host.image, flags: "0101" })), says: /is open for writing/ },
  { name: "a process only reads the image", looks: ofImage, does: process((host) => ({ opens: host.image, flags: "0100000" })) },
  { name: "a process has another file open", looks: ofImage, does: process((host) => ({ opens: host.snapshotImage })) },
  { name: "a process has another file of that name open", looks: ofImage, does: process((host) => {
    mkdirSync(join(host.root, "srv/other"));
    writeFileSync(join(host.root, "srv/other/disk.img"), "");
    return { opens: join(host.root, "srv/other/disk.img") };
  }) },
  { name: "the guest's QEMU has the image open", looks: ofImage, does: process((host) => ({ opens: host.image, ...QEMU("7") })) },
  { name: "the QEMU of another guest has it", looks: ofImage, does: process((host) => ({ opens: host.image, ...QEMU("77") })), says: /open for writing by qemu-system-i38/ },
  { name: "a disk of another guest is laid over the image", looks: ofImage, does: process((host) => ({ opens: host.image, flags: "0100000", ...QEMU("77") })), says: /disk\.img is open below a disk of another guest, by qemu-system-i38 \(9999999\)/ },
  { name: "a process has it open for writing by a hard link", looks: ofImage, does: (host) => {
    const other = join(host.root, "srv/backup-of-tuesday");
    linkSync(host.image, other);
    process(() => ({ opens: other }))(host);
    appendFileSync(join(host.root, `proc/${PID}/fdinfo/7`), `ino:\t${String(statSync(other).ino)}\n`);
  }, says: /disk\.img is open for writing by qemu-nbd/ },
  { name: "the guest's own QEMU reads the image", looks: ofImage, does: process((host) => ({ opens: host.image, flags: "0100000", ...QEMU("7") })) },
  { name: "a disk of any guest is laid over an image that is nobody's", looks: (host) => look("guard_free", host.snapshotImage, ""), does: process((host) => ({ opens: host.snapshotImage, flags: "0100000", ...QEMU("7") })), says: /is open below a disk of another guest/ },
  { name: "a disk of another guest is laid over the volume", looks: ofVolume, does: process((host) => ({ opens: device(host), flags: "0100000", ...QEMU("77") })), says: /vg0\/web1-root is open below a disk of another guest/ },
  { name: "the guest's QEMU has the image open around the mirror", looks: ofMirrored, does: process((host) => ({ opens: host.image, ...QEMU("7") })), says: /open for writing by qemu-system-i38/ },
  { name: "an image whose name is a pattern is open", looks: (host) => look("guard_free", join(host.root, "srv/a[1]*\\ b?.img"), host.domain),
    does: (host) => {
      const odd = join(host.root, "srv/a[1]*\\ b?.img");
      writeFileSync(odd, "");
      process(() => ({ opens: odd }))(host);
    }, says: /is open for writing/ },
  { name: "it is exported by iSCSI", looks: ofImage, does: (host) => {
    const folder = join(host.root, "sys/kernel/config/target/core/fileio_0/old");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "udev_path"), `${host.root}/srv/../srv/disk.img\n`);
  }, says: /disk\.img is exported by Dom0's kernel: .*target\/core\/fileio_0\/old/ },
  { name: "it is exported by NVMe", looks: ofImage, does: nvme((host) => host.image, 1), says: /disk\.img is exported by Dom0's kernel: .*namespaces\/1/ },
  { name: "it would be exported by NVMe, were that switched on", looks: ofImage, does: nvme((host) => host.image, 0) },
  { name: "the volume is exported", looks: ofVolume, does: nvme(device, 1), says: /web1-root is exported by Dom0's kernel/ },
  { name: "it is exported: another file", looks: ofImage, does: nvme((host) => host.snapshotImage, 1) },
  { name: "somebody who is no QEMU, and has an empty word for -d, reads it", looks: ofImage, does: process((host) => ({ opens: host.image, flags: "0100000", name: "xargs", words: ["xargs", "-d", "", "cat"] })) },
  { name: "nobody has the volume", looks: ofVolume },
  { name: "a process has the volume open for writing", looks: ofVolume, does: process((host) => ({ opens: device(host), name: "dd" })), says: /vg0\/web1-root is open for writing by dd \(9999999\)/ },
  { name: "a process only reads the volume", looks: ofVolume, does: process((host) => ({ opens: device(host), flags: "0100000" })) },
  { name: "the guest's QEMU mirrors to the volume", looks: ofVolume, does: process((host) => ({ opens: device(host), ...QEMU("7") })) },
  { name: "somebody in the kernel has the volume open", looks: ofVolume, does: (host) => { host.tell("open-253:2", "1"); }, says: /vg0\/web1-root is open, and not by a process that can be seen/ },
  { name: "the volume is open, and below a device of this run's own", looks: (host) => look("guard_volume", VOLUME, join(host.root, "dev/mapper/under")), does: (host) => { host.tell("open-253:2", "1"); } },
];

seen(OPENED);
