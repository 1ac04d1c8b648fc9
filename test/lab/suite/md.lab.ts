import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkRecords, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { describeInTheMirror, expectMoved, stubborn, withoutHoles } from "./in-the-mirror.js";
import { attached, expectMeasuredDowntime, expectNothingLeft, expectOnward, expectWholeFilesystem, journal } from "./on-host.js";
import { everything, inPart } from "./parts.js";

/**
 * Guests that write all the while are mirrored by md on a real Xen Dom0. The order matters: one boot serves all, and a
 * test may find what the ones before have left.
 */

let lab: Lab;
let converge: Converge;

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-md" });
  converge = await Converge.at(lab);
  await lab.run("rm -f /etc/xen/auto/*");
  await lab.run(withoutHoles("oldext.img", "web1/disk.img", "web1/swap.img", "old/old3-root.img", "stubborn1.img", "xfs1.img"));
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** Arrays of converge's own, and the members of each with what md says of them. */
async function arrays(): Promise<string> {
  const script = `
    for link in /dev/md/converge-*; do
      [ -e "$link" ] || continue
      printf '%s' "\${link##*/}"
      for member in /sys/block/$(basename "$(readlink "$link")")/md/dev-*; do printf ' %s=%s' "\${member##*/dev-}" "$(cat "$member/state")"; done
      echo
    done`;
  return (await lab.run(["sh", "-c", script])).stdout.trim();
}

/** Nobody has the array any more: its watchman looks every ten seconds. */
async function expectNoArray(): Promise<void> {
  await lab.run(["sh", "-c", 'tries=40; while grep -q "^md" /proc/mdstat; do tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 1; done']);
  expect(await arrays()).toBe("");
}

function wish(guest: string, address: string, disks: readonly string[], move: Readonly<Record<string, unknown>>) {
  return readyOn(guest, address, disks, { strategy: "md", ...move });
}

describe.runIf(inPart(3))("a guest that leaves the array in the same run", () => {
  const OLDEXT = wish("oldext", "10.77.0.14", ["xvda1"], wayOf("md/oldext"));

  test("gets onto its volume in two suspensions, with every acknowledged record", async () => {
    await startGuest(lab, "oldext");
    await waitForConsole(lab, "oldext", "\\] ack 20$");
    const booted = await boots(lab, "oldext");
    const { highest } = await acks(lab, "oldext");
    const run = await converge.run("-i", "lab.yml", await converge.playbook("oldext.yml", OLDEXT), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/dev/vg0/oldext-xvda1" });
    expect((await journal(lab, "oldext")).filter((event) => event["event"] === "down").length, "two switches").toBe(2);
    await expectOnward(lab, "oldext", 10);
    await expectMeasuredDowntime(lab, "oldext", highest);
    expect(await boots(lab, "oldext"), "it was not restarted").toBe(booted);
    await expectNoArray();
    await expectNothingLeft(lab);
  });

  test("finds nothing to do the second time, and has lost nothing", async () => {
    await expectMoved({ lab, converge }, "oldext", "oldext.yml");
  });
});

describe.runIf(everything)("a guest that stays on its arrays", () => {
  const WEB1 = wish("web1", "10.77.0.11", ["xvda1", "xvda2"], { ...wayOf("md/web1"), throttle: { bandwidth: "20MiB/s" } });

  test("is restarted once, and runs on the volumes alone by way of the arrays", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    const booted = await boots(lab, "web1");
    const run = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", WEB1), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await boots(lab, "web1"), "one restart").toBe(booted + 1);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/md/converge-web1-xvda1", xvda2: "/dev/md/converge-web1-xvda2" });
    expect(await arrays()).toMatch(/^converge-web1-xvda1 dm-\d+=in_sync\nconverge-web1-xvda2 dm-\d+=in_sync$/);
    const again = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toMatch(/^dom0: nothing to do$/m);
  });

  test("is saved and restored on the arrays, on its volumes, when Dom0 reboots in order", async () => {
    const booted = await boots(lab, "web1");
    await lab.reboot();
    await expectOnward(lab, "web1", 10);
    expect(await boots(lab, "web1"), "it kept its uptime").toBe(booted);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/md/converge-web1-xvda1", xvda2: "/dev/md/converge-web1-xvda2" });
    expect(await arrays()).toMatch(/^converge-web1-xvda1 dm-\d+=in_sync\nconverge-web1-xvda2 dm-\d+=in_sync$/);
  });

  test("is restarted by itself from what was saved with it, which names the arrays: they are still there", async () => {
    const booted = await boots(lab, "web1");
    await runInGuest(lab, "10.77.0.11", "reboot");
    await waitForConsole(lab, "web1", `web1 is up, boot ${String(booted + 1)}`);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/md/converge-web1-xvda1", xvda2: "/dev/md/converge-web1-xvda2" });
  });

  test("leaves them when a later playbook says so, and has lost nothing", async () => {
    const now = wish("web1", "10.77.0.11", ["xvda1", "xvda2"], { switch: "suspend", finish: "now" });
    const run = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", now), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/vg0/web1-xvda1", xvda2: "/dev/vg0/web1-xvda2" });
    await expectNoArray();
    await expectNothingLeft(lab);
    await stopGuest(lab, "web1");
    await expectWholeFilesystem(lab, "/dev/vg0/web1-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok records=\d+ acked=\d+$/);
  });
});

test.runIf(everything)("a guest's own reboot takes it from the array to its volume, and the array goes", async () => {
  await startGuest(lab, "old3");
  const old3 = wish("old3", "10.77.0.13", ["xvda1"], wayOf("md/old3"));
  const run = await converge.run("-i", "lab.yml", await converge.playbook("old3.yml", old3), "--yes");
  expect(run.exitCode, run.all).toBe(0);
  expect(await attached(lab, "old3")).toMatchObject({ xvda1: "/dev/md/converge-old3-xvda1" });
  const booted = await boots(lab, "old3");
  await runInGuest(lab, "10.77.0.13", "reboot");
  await waitForConsole(lab, "old3", `old3 is up, boot ${String(booted + 1)}`);
  expect(await attached(lab, "old3")).toMatchObject({ xvda1: "/dev/vg0/old3-xvda1" });
  await expectNoArray();
  await expectNothingLeft(lab, ["old3"]);
  await converge.expectNothingToDo("old3.yml");
  await stopGuest(lab, "old3");
  await expectWholeFilesystem(lab, "/dev/vg0/old3-xvda1");
});

if (everything) {
  describeInTheMirror(() => ({ lab, converge }), {
    strategy: "md", device: "/dev/md/converge-stubborn1-xvda1",
    expectOnImage: async () => { expect(await arrays()).toMatch(/^converge-stubborn1-xvda1 loop\d+=in_sync$/); },
    expectNone: async () => { expect(await arrays()).toBe(""); },
  });
}

test.runIf(everything)("what a power cut interrupted is moved by the next run, with every record", async () => {
  const fast = stubborn("md", wayOf("md/stubborn1"));
  const again = await converge.run("-i", "lab.yml", await converge.playbook("stubborn1.yml", fast), "--yes");
  expect(again.exitCode, again.all).toBe(0);
  await converge.expectNothingToDo("stubborn1.yml");
  await lab.run(["xl", "destroy", "stubborn1"]);
  await lab.run(["/usr/local/lib/lab/wait-gone", "stubborn1", "60"]);
  await expectNoArray();
  expect(await checkRecords(lab, "/dev/vg0/stubborn1-xvda1", "stubborn1")).toMatch(/^ok/);
});

test.runIf(everything)("an image that gives errors once all is in sync: md goes on with the volume, and so does the run", async () => {
  // the image of its own, on a device that can be made to fail (a sparse one is refused); the moment between the last MiB and
  // the commit: xl is asked to store the new config then
  await lab.run(["sh", "-ec", `lvcreate --quiet --yes --size 400M --name frail vg0
mkfs.ext4 -q /dev/vg0/frail && mkdir -p /srv/frail && mount /dev/vg0/frail /srv/frail
dd if=/srv/xen/xfs1.img of=/srv/frail/xfs1.img bs=1M conv=fsync status=none
sed -i 's|/srv/xen/xfs1.img|/srv/frail/xfs1.img|' /etc/xen/xfs1.cfg
cat >/usr/local/bin/xl <<'SCRIPT'
#!/bin/sh
if [ "$1" = config-update ] && [ ! -e /run/failed ]; then
  : >/run/failed
  # of what Dom0 has in memory a write fails only later, when nobody hears of it
  sync -f /srv/frail
  echo 3 >/proc/sys/vm/drop_caches
  dmsetup reload vg0-frail --table "0 $(blockdev --getsz /dev/vg0/frail) error"
  dmsetup resume --noflush vg0-frail
  tries=1200
  until grep -q faulty /sys/block/md*/md/dev-loop*/state; do
    tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 0.2
  done
fi
exec /usr/sbin/xl "$@"
SCRIPT
chmod 755 /usr/local/bin/xl`]);
  await startGuest(lab, "xfs1");
  await waitForConsole(lab, "xfs1", "\\] ack 10$");
  const xfs1 = wish("xfs1", "10.77.0.15", ["xvda1"], wayOf("md/xfs1"));
  const run = await converge.run("-i", "lab.yml", await converge.playbook("xfs1.yml", xfs1), "--yes");
  await lab.run("rm /usr/local/bin/xl");
  expect(run.exitCode, run.all).toBe(0);
  expect(run.all).toContain("gives errors (md says: faulty");
  expect(await arrays()).toMatch(/^converge-xfs1-xvda1 dm-\d+=in_sync$/);
  await expectOnward(lab, "xfs1", 10);
  await converge.expectNothingToDo("xfs1.yml");
  await stopGuest(lab, "xfs1");
  await expectNoArray();
  await expectWholeFilesystem(lab, "/dev/vg0/xfs1-xvda1", ["xfs_repair", "-n"]);
  expect(await checkRecords(lab, "/dev/vg0/xfs1-xvda1", "xfs1")).toMatch(/^ok/);
});
