import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkLate, checkRecords, firstSinceStart, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { describeInTheMirror, expectMoved, stubborn, withoutHoles } from "./in-the-mirror.js";
import {
  attached, cutPower, expectMeasuredDowntime, expectNothingLeft, expectOnward, expectWholeFilesystem, journal, newestRun, waitForEvent,
} from "./on-host.js";
import { everything, inPart } from "./parts.js";

/**
 * Guests that write all the while are mirrored by DRBD, to itself, on a real Xen Dom0 that has a DRBD resource of its own: the
 * very minor and the very port that converge would try first. The order matters: one boot serves all, and a test may find
 * what the ones before have left.
 */

let lab: Lab;
let converge: Converge;
let theirs: string;

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-drbd" });
  converge = await Converge.at(lab);
  await lab.run("rm -f /etc/xen/auto/*");
  // it hardly rests, so that something is under way at most moments: what a commit does to that has to be seen
  await lab.run("sed -i 's/console=hvc0/& lab.pause=50000/' /etc/xen/oldext.cfg && grep -q pause=50000 /etc/xen/oldext.cfg");
  await lab.run(withoutHoles("oldext.img", "stubborn1.img", "web1/disk.img", "web1/swap.img", "whole1.img"));
  await lab.run(["sh", "-ec", `lvcreate --quiet --yes --size 32M --name theirs vg0
cat >/etc/drbd.d/theirs.res <<'RES'
resource theirs {
  device minor 900;
  disk /dev/vg0/theirs;
  meta-disk internal;
  on dom0 { address 127.0.0.1:7900; }
  on elsewhere { address 127.0.0.1:7999; }
}
RES
drbdadm create-md --force theirs
drbdadm up theirs
drbdadm primary --force theirs
head -c 1000000 /dev/urandom | dd of=/dev/drbd900 bs=1M oflag=direct iflag=fullblock conv=sync status=none`]);
  theirs = await ofTheirs();
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** What somebody else's DRBD is like: its resource, its data, the settings of the whole kernel, its config and its registry. */
async function ofTheirs(): Promise<string> {
  return (await lab.run(["sh", "-ec", `drbdsetup show theirs; drbdsetup status theirs; dd if=/dev/drbd900 bs=1M count=1 iflag=direct status=none | sha256sum
cat /sys/module/drbd/parameters/*; sha256sum /etc/drbd.conf /etc/drbd.d/*; ls /var/lib/drbd /etc/drbd.d`])).stdout;
}

/** Disks of converge's own resources, as the kernel sees them: `converge-web1-xvda1 UpToDate`. */
async function resources(): Promise<string> {
  const script = `
    [ -r /proc/drbd ] || exit 0
    drbdsetup show | while read -r word rest; do
      case $word in
        resource) name=\${rest%% *} ;;
        device) minor=\${rest##* } minor=\${minor%;} ;;
        disk) case $name$rest in converge*'"'*) printf '%s %s %s\\n' "$name" "$(lsblk -ndo TYPE "$(echo "$rest" | cut -d'"' -f2)")" "$(sed -n "s|^ *$minor: .* ds:\\([A-Za-z]*\\)/.*|\\1|p" /proc/drbd)" ;; esac ;;
      esac
    done`;
  return (await lab.run(["sh", "-c", script])).stdout.trim().split("\n").sort().join("\n");
}

/** Files below loop devices, those of converge's metadata: gone already, and in memory as long as the device has them. */
async function metadata(): Promise<string> {
  return (await lab.run(["sh", "-c", "losetup --list --noheadings --output BACK-FILE | grep /run/converge | sort; find /run/converge -type f; true"])).stdout.trim();
}

/** Nobody has the device any more: its watchman looks every ten seconds. Nothing of DRBD's is left but what is theirs. */
async function expectNoResource(): Promise<void> {
  await lab.run(["sh", "-c", `tries=40; while drbdsetup status | grep -q '^converge'; do tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 1; done`]);
  const left = await lab.run(["sh", "-c", `ls -A /dev/drbd /run/drbd 2>/dev/null | grep -e converge -e minor-9 | grep -v minor-900; losetup --list --noheadings --raw --output NAME,BACK-FILE | grep run/converge; drbdsetup show | grep -i converge; true`]);
  expect(left.stdout).toBe("");
}

function wish(guest: string, address: string, disks: readonly string[], move: Readonly<Record<string, unknown>>) {
  return readyOn(guest, address, disks, { strategy: "drbd", ...move });
}

describe.runIf(inPart(1))("a guest that leaves the device in the same run", () => {
  const OLDEXT = wish("oldext", "10.77.0.14", ["xvda1"], { ...wayOf("drbd/oldext"), verify: "full" });

  test("gets onto its volume in two suspensions, compared with its image at rest, with every acknowledged record, and the DRBD that is there is as it was", async () => {
    await startGuest(lab, "oldext");
    await waitForConsole(lab, "oldext", "\\] ack 20$");
    const booted = await boots(lab, "oldext");
    const { highest } = await acks(lab, "oldext");
    const run = await converge.run("-i", "lab.yml", await converge.playbook("oldext.yml", OLDEXT), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/dev/vg0/oldext-xvda1" });
    expect((await journal(lab, "oldext")).filter((event) => event["event"] === "down").length, "two switches").toBe(2);
    expect(run.all).toMatch(/compared at rest in [0-9.]+ s, are equal/);
    await expectOnward(lab, "oldext", 10);
    await expectMeasuredDowntime(lab, "oldext", highest);
    expect(await boots(lab, "oldext"), "it was not restarted").toBe(booted);
    await expectNoResource();
    await expectNothingLeft(lab);
    expect(await ofTheirs()).toBe(theirs);
  });

  test("finds nothing to do the second time, and has lost nothing", async () => {
    await expectMoved({ lab, converge }, "oldext", "oldext.yml");
  });
});

describe.runIf(everything)("a guest that stays on its devices", () => {
  const WEB1 = wish("web1", "10.77.0.11", ["xvda1", "xvda2"], { ...wayOf("drbd/web1"), throttle: { bandwidth: "20MiB/s" } });

  test("is restarted once, and runs on the volumes alone by way of the devices", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    const booted = await boots(lab, "web1");
    const run = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", WEB1), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await boots(lab, "web1"), "one restart").toBe(booted + 1);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/drbd/converge-web1-xvda1", xvda2: "/dev/drbd/converge-web1-xvda2" });
    expect(await resources()).toBe("converge-web1-xvda1 lvm UpToDate\nconverge-web1-xvda2 lvm UpToDate");
    await expectOnward(lab, "web1", 10);
    expect(await metadata()).toMatch(/^\S+xvda1\.copy \(deleted\)\n\S+xvda2\.copy \(deleted\)$/);
    expect(await ofTheirs()).toBe(theirs);
    await converge.expectNothingToDo("web1.yml");
  });

  test("is saved and restored on the devices, on its volumes, when Dom0 reboots in order", async () => {
    const booted = await boots(lab, "web1");
    await lab.reboot();
    await expectOnward(lab, "web1", 10);
    expect(await boots(lab, "web1"), "it kept its uptime").toBe(booted);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/drbd/converge-web1-xvda1", xvda2: "/dev/drbd/converge-web1-xvda2" });
    expect(await resources()).toBe("converge-web1-xvda1 lvm UpToDate\nconverge-web1-xvda2 lvm UpToDate");
  });

  test("leaves them when a later playbook says so, and has lost nothing", async () => {
    const now = wish("web1", "10.77.0.11", ["xvda1", "xvda2"], { switch: "suspend", finish: "now" });
    const run = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", now), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/vg0/web1-xvda1", xvda2: "/dev/vg0/web1-xvda2" });
    await expectNoResource();
    await expectNothingLeft(lab);
    await converge.expectNothingToDo("web1.yml");
    await stopGuest(lab, "web1");
    await expectWholeFilesystem(lab, "/dev/vg0/web1-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok records=\d+ acked=\d+$/);
  });
});

test.runIf(everything)("a whole disk goes with its partitions, and the guest's own reboot takes it from the device to its volume", async () => {
  await startGuest(lab, "whole1");
  const whole = wish("whole1", "10.77.0.17", ["xvda"], wayOf("drbd/whole1"));
  const run = await converge.run("-i", "lab.yml", await converge.playbook("whole1.yml", whole), "--yes");
  expect(run.exitCode, run.all).toBe(0);
  expect(await attached(lab, "whole1")).toEqual({ xvda: "/dev/drbd/converge-whole1-xvda" });
  const booted = await boots(lab, "whole1");
  await runInGuest(lab, "10.77.0.17", "reboot");
  await waitForConsole(lab, "whole1", `whole1 is up, boot ${String(booted + 1)}`);
  expect(await attached(lab, "whole1")).toEqual({ xvda: "/dev/vg0/whole1-xvda" });
  await expectNoResource();
  await expectNothingLeft(lab, ["whole1"]);
  await converge.expectNothingToDo("whole1.yml");
  await stopGuest(lab, "whole1");
  expect(await checkRecords(lab, "/dev/vg0/whole1-xvda:1", "whole1")).toMatch(/^ok/);
});

if (everything) {
  describeInTheMirror(() => ({ lab, converge }), {
    strategy: "drbd", device: "/dev/drbd/converge-stubborn1-xvda1",
    expectOnImage: async () => { expect(await resources()).toBe("converge-stubborn1-xvda1 loop UpToDate"); },
    expectNone: async () => { expect(await resources()).toBe(""); },
  });
}

test.runIf(everything)("the power goes right after the commit: the guest comes up on its volume, with every acknowledged record", async () => {
  const before = await newestRun(lab, "stubborn1");
  const run = converge.start("-i", "lab.yml", await converge.playbook("stubborn1.yml", stubborn("drbd", wayOf("drbd/stubborn1"))), "--yes");
  await waitForEvent(lab, "stubborn1", before, '"event":"commit"', 600);
  const booted = await boots(lab, "stubborn1");
  await lab.run("ln -sf /etc/xen/stubborn1.cfg /etc/xen/auto/; sync");
  const { highest } = await acks(lab, "stubborn1");
  await cutPower(lab, run);
  await waitForConsole(lab, "stubborn1", `stubborn1 is up, boot ${String(booted + 1)}`);
  expect(await attached(lab, "stubborn1")).toEqual({ xvda1: "/dev/vg0/stubborn1-xvda1" });
  await waitForConsole(lab, "stubborn1", `\\] ack ${String(highest + 5)}$`);
  expect(await firstSinceStart(lab, "stubborn1"), "it goes on behind what it was told is safe").toBeGreaterThan(highest);
  await expectNothingLeft(lab);
  // what the run had still to note
  const next = await converge.run("-i", "lab.yml", "stubborn1.yml", "--yes");
  expect(next.exitCode, next.all).toBe(0);
  await converge.expectNothingToDo("stubborn1.yml");
  await lab.run(["xl", "destroy", "stubborn1"]);
  await lab.run(["/usr/local/lib/lab/wait-gone", "stubborn1", "60"]);
  expect(await checkRecords(lab, "/dev/vg0/stubborn1-xvda1", "stubborn1", highest)).toMatch(/^ok/);
  expect((await lab.run(["sh", "-c", "drbdadm up theirs && drbdadm primary --force theirs"])).exitCode).toBe(0);
  expect(await ofTheirs()).toBe(theirs);
});

test.runIf(everything)("an image that gives errors once all is in sync: DRBD goes on with the volume, and so does the run", async () => {
  // the image of its own, on a device that can be made to fail; the moment between the last of the copy and the commit
  await lab.run(["sh", "-ec", `lvcreate --quiet --yes --size 160M --name frail vg0
mkfs.ext4 -q /dev/vg0/frail && mkdir -p /srv/frail && mount /dev/vg0/frail /srv/frail
dd if=/srv/xen/late1.img of=/srv/frail/late1.img bs=1M conv=fsync status=none
sed -i 's|/srv/xen/late1.img|/srv/frail/late1.img|' /etc/xen/late1.cfg
cat >/usr/local/bin/xl <<'SCRIPT'
#!/bin/sh
if [ "$1" = config-update ] && [ ! -e /run/failed ]; then
  : >/run/failed
  dmsetup reload vg0-frail --table "0 $(blockdev --getsz /dev/vg0/frail) error"
  dmsetup resume --noflush vg0-frail
  tries=1200
  until grep -q 'ro:Primary/Secondary ds:Diskless/UpToDate' /proc/drbd; do
    tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 0.2
  done
fi
exec /usr/sbin/xl "$@"
SCRIPT
chmod 755 /usr/local/bin/xl`]);
  await startGuest(lab, "late1");
  const late1 = wish("late1", "10.77.0.12", ["xvda1"], wayOf("drbd/late1"));
  const run = await converge.run("-i", "lab.yml", await converge.playbook("late1.yml", late1), "--yes");
  await lab.run("rm /usr/local/bin/xl");
  expect(run.exitCode, run.all).toBe(0);
  expect(run.all).toContain("the volume holds everything, and takes over");
  expect(await resources()).toBe("converge-late1-xvda1 lvm UpToDate");
  await converge.expectNothingToDo("late1.yml");
  await stopGuest(lab, "late1");
  await expectNoResource();
  await expectWholeFilesystem(lab, "/dev/vg0/late1-xvda1");
  expect(await checkLate(lab, "/dev/vg0/late1-xvda1", "late1")).toMatch(/^ok/);
});
