import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkLate, checkRecords, expectNoErrors, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { describeInTheMirror } from "./in-the-mirror.js";
import {
  attached, expectMeasuredDowntime, expectNoGarbage, expectNothingLeft, expectOnward, expectWholeFilesystem, fillWithGarbage, journal, newestRun, traces, waitForEvent, whileRunning,
} from "./on-host.js";
import { everything, inPart } from "./parts.js";

/**
 * Guests that write all the while are mirrored by device-mapper on a real Xen Dom0. The order matters: one boot serves
 * all, and a test may find what the ones before have left.
 */

let lab: Lab;
let converge: Converge;

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-mirrors" });
  converge = await Converge.at(lab);
  await lab.run("rm -f /etc/xen/auto/*");
  await fillWithGarbage(lab);
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** Mappings of converge's own, and what they lie on. */
async function mappings(): Promise<string> {
  return (await lab.run("dmsetup ls | sed -n 's/^converge-/converge-/p' | while read -r name _; do echo \"$name $(dmsetup table $name)\"; done")).stdout.trim();
}

describe.runIf(inPart(1))("a guest that is suspended", () => {
  const WEB1 = onVolumes("web1", { xvda1: {}, xvda2: {} }, wayOf("mirrors/web1"));

  test("is up and writes", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    await converge.playbook("web1.yml", WEB1);
  });

  test.runIf(everything)("is previewed, and nothing on the host changes", async () => {
    const before = await traces(lab);
    const preview = await converge.run("--check", "--detailed-exitcode", "-i", "lab.yml", "web1.yml");
    expect(preview.exitCode, preview.all).toBe(2);
    expect(preview.all).toContain("xl save -- web1");
    expect(preview.all).toContain("dmsetup");
    expect(preview.all, "a secret of the config").not.toContain("s3cret");
    expect(await traces(lab)).toBe(before);
  });

  test("gets onto its volumes without a restart, with every acknowledged record", async () => {
    const { highest } = await acks(lab, "web1");
    const booted = await boots(lab, "web1");
    const run = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/mapper/converge-web1-xvda1", xvda2: "/dev/mapper/converge-web1-xvda2" });
    const volume = (await lab.run("dmsetup info -c --noheadings --separator : -o major,minor vg0-web1--xvda1")).stdout.trim();
    expect(await mappings()).toContain(`converge-web1-xvda1 0 262144 linear ${volume} 0`);
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 30)}$`);
    expect(await boots(lab, "web1"), "it was not restarted").toBe(booted);
    await expectNothingLeft(lab, ["web1"]);
    await expectMeasuredDowntime(lab, "web1", highest);
  });

  test("finds nothing to do the second time", async () => {
    const again = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toMatch(/^dom0: nothing to do$/m);
  });

  test("comes back on its volumes when it reboots itself, leaves its mappings behind, and has lost nothing", async () => {
    const booted = await boots(lab, "web1");
    await runInGuest(lab, "10.77.0.11", "reboot");
    await waitForConsole(lab, "web1", `web1 is up, boot ${String(booted + 1)}`);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/vg0/web1-xvda1", xvda2: "/dev/vg0/web1-xvda2" });
    expect(await mappings()).toBe("");
    expect((await lab.run(["xl", "list", "-l", "web1"])).stdout, "who it is").toContain("00:16:3e:4d:00:11");
    await stopGuest(lab, "web1");
    await expectWholeFilesystem(lab, "/dev/vg0/web1-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok records=\d+ acked=\d+$/);
    await expectNoGarbage(lab, "/dev/vg0/web1-xvda1", "/dev/vg0/web1-xvda2");
  });
});

test.runIf(everything)("a guest that overwrites in place and flushes late loses no acknowledged write in a mirror of what is in use", async () => {
  await startGuest(lab, "late1");
  await waitForConsole(lab, "late1", "written gen 2");
  const late1 = onVolumes("late1", { xvda1: {} }, wayOf("mirrors/late1"));
  Object.assign(late1["late1"] as object, { ready: { tcp: 22, address: "10.77.0.12", timeout: "300s" } });
  const run = await converge.run("-i", "lab.yml", await converge.playbook("late1.yml", late1), "--yes");
  expect(run.exitCode, run.all).toBe(0);
  await stopGuest(lab, "late1");
  await expectWholeFilesystem(lab, "/dev/vg0/late1-xvda1");
  await expectNoGarbage(lab, "/dev/vg0/late1-xvda1");
  expect(await checkLate(lab, "/dev/vg0/late1-xvda1", "late1")).toMatch(/^ok/);
  expect(await mappings()).toBe("");
  const [, copied] = /only what is in use is copied: (\d+) MiB of/.exec((await journal(lab, "late1")).map((event) => String(event["message"])).join("\n")) ?? [];
  const { stdout } = await lab.run("dumpe2fs -h /dev/vg0/late1-xvda1 2>/dev/null");
  const figure = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(stdout)?.[1]);
  const used = (figure("Block count") - figure("Free blocks")) * figure("Block size") / 1024 ** 2;
  expect(Number(copied), `of ${String(used)} MiB`).toBeLessThanOrEqual(1.2 * used + 1);
});

describe.runIf(everything)("a whole disk with partitions, compared at rest", () => {
  const WHOLE1 = onVolumes("whole1", { xvda: {} }, { ...wayOf("mirrors/whole1"), verify: "full", throttle: { bandwidth: "8MiB/s" } });
  Object.assign(WHOLE1["whole1"] as object, { ready: { tcp: 22, address: "10.77.0.17", timeout: "300s" } });

  /** Gives the run when its mirror has carried the disk's beginning. */
  async function mirroring() {
    const before = await newestRun(lab, "whole1");
    const run = converge.start("-i", "lab.yml", await converge.playbook("whole1.yml", WHOLE1), "--yes");
    await whileRunning(run, waitForEvent(lab, "whole1", before, '"event":"progress".*"percent":([5-9]|[1-9][0-9])\\b', 600));
    // not the process itself: it would be waited for
    return { run };
  }

  test("a mirror is void when somebody starts the guest around it, and the guest runs on where he put it", async () => {
    await startGuest(lab, "whole1");
    await waitForConsole(lab, "whole1", "\\] ack 10$");
    const { run } = await mirroring();
    const booted = await boots(lab, "whole1");
    await lab.run("xl destroy whole1; until xl create /etc/xen/whole1.cfg; do tries=$((${tries:-0} + 1)); [ $tries -lt 10 ] || exit 1; done");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all).toContain("the mirror is void");
    await waitForConsole(lab, "whole1", `whole1 is up, boot ${String(booted + 1)}`);
    expect(await attached(lab, "whole1")).toEqual({ xvda: "/srv/xen/whole1.img" });
  });

  test("is mirrored in one restart; what differs on the volume is found and copied again", async () => {
    const booted = await boots(lab, "whole1");
    const { run } = await mirroring();
    // where a boot loader would be: nobody writes there
    await lab.run("printf 'not what the image holds' | dd of=/dev/vg0/whole1-xvda bs=512 conv=notrunc,fsync status=none");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(0);
    expect(all).toContain("differed in 1 blocks of 1 MiB, which were copied again");
    expect(await boots(lab, "whole1")).toBe(booted + 1);
    await lab.run("dd if=/dev/vg0/whole1-xvda bs=512 count=1 iflag=direct status=none | cmp -n 446 - /srv/xen/whole1.img");
    // the boot units of guests that have left their mappings go at the next boot
    await expectNothingLeft(lab, ["web1", "late1", "whole1"]);
    await converge.expectNothingToDo("whole1.yml");
    await stopGuest(lab, "whole1");
    expect(await checkRecords(lab, "/dev/vg0/whole1-xvda:1", "whole1")).toMatch(/^ok/);
    expect(await mappings()).toBe("");
  });
});

describe.runIf(everything)("in the mirror", () => {
  const OLDEXT = onVolumes("oldext", { xvda1: {} }, wayOf("mirrors/oldext"));
  Object.assign(OLDEXT["oldext"] as object, { ready: { tcp: 22, address: "10.77.0.14", timeout: "300s" } });

  async function start() {
    const before = await newestRun(lab, "oldext");
    const run = converge.start("-i", "lab.yml", await converge.playbook("oldext.yml", OLDEXT), "--yes");
    // the guest is frozen: the mirror is about to begin, and on so small a disk it is over in a blink
    await whileRunning(run, waitForEvent(lab, "oldext", before, '"event":"down"', 600));
    // not the process itself: it would be waited for
    return { run };
  }

  test("a volume that gives errors is dropped, and the guest runs on, on its image", async () => {
    await startGuest(lab, "oldext");
    const { run } = await start();
    await lab.run("dmsetup reload vg0-oldext--xvda1 --table \"0 $(blockdev --getsz /dev/vg0/oldext-xvda1) error\"; dmsetup resume --noflush vg0-oldext--xvda1");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all).toContain("the volume gives errors");
    const { highest } = await acks(lab, "oldext");
    await waitForConsole(lab, "oldext", `\\] ack ${String(highest + 5)}$`);
    expect(await mappings()).toMatch(/^converge-oldext-xvda1 0 \d+ linear 7:/);
    await lab.run("lvchange --refresh vg0/oldext-xvda1");
  });

  test("and the next run goes on without taking the guest over again", async () => {
    const booted = await boots(lab, "oldext");
    const run = await converge.run("-i", "lab.yml", "oldext.yml", "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect((await journal(lab, "oldext")).some((event) => event["event"] === "down"), "no downtime").toBe(false);
    expect(await boots(lab, "oldext")).toBe(booted);
    await converge.expectNothingToDo("oldext.yml");
    await stopGuest(lab, "oldext");
    await expectWholeFilesystem(lab, "/dev/vg0/oldext-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/oldext-xvda1", "oldext")).toMatch(/^ok/);
    expect(await mappings()).toBe("");
  });
});

test.runIf(everything)("an image that gives errors in mid-mirror: the guest runs on, on its image, and once it can be read again the next run finishes", async () => {
  const address = "10.77.0.13";
  // its last block, which no file has, is no hole any more: it has a place that can fail
  await lab.run(["sh", "-ec", `image=/srv/xen/old/old3-root.img
last=$(($(stat -c %s $image) / 4096 - 1))
[ "$(dd if=$image bs=4096 skip=$last status=none | tr -d '\\0' | wc -c)" = 0 ]
dd if=/dev/zero of=$image bs=4096 seek=$last count=1 conv=notrunc,fsync status=none`]);
  await startGuest(lab, "old3");
  const written = await runInGuest(lab, address, "dd if=/dev/urandom of=/proof bs=65536 count=8 2>/dev/null && sync && sha256sum /proof");
  const expectProof = async (): Promise<void> => {
    expect(await runInGuest(lab, address, "echo 3 >/proc/sys/vm/drop_caches; sha256sum /proof")).toBe(written);
    await runInGuest(lab, address, "dd if=/dev/zero of=/more bs=65536 count=8 2>/dev/null && sync");
    await expectNoErrors(lab, "old3");
  };
  // a mirror that can not trust the free map copies that block like all others
  await lab.run(["sh", "-ec", `image=/srv/xen/old/old3-root.img
last=$(($(stat -c %s $image) / 4096 - 1))
place=$(filefrag -b4096 -v $image | tr ':.' '  ' | awk -v at="$last" '$1 ~ /^[0-9]+$/ && at >= $2 && at <= $3 { print $4 + at - $2 }')
dmsetup table vg0-images >/run/whole-table
set -- $(cat /run/whole-table)
[ $# = 5 ] && [ -n "$place" ]
first=$((place * 8))
printf '0 %s linear %s %s\\n%s 8 error\\n%s %s linear %s %s\\n' "$first" "$4" "$5" "$first" $((first + 8)) $(($2 - first - 8)) "$4" $(($5 + first + 8)) | dmsetup reload vg0-images
dmsetup suspend vg0-images; dmsetup resume vg0-images
# what was written to it just now is in memory still
echo 3 >/proc/sys/vm/drop_caches`]);
  const playbook = await converge.playbook("old3.yml", readyOn("old3", address, ["xvda1"], wayOf("mirrors/old3")));
  const booted = await boots(lab, "old3");
  const failed = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(failed.exitCode, failed.all).toBe(3);
  expect(failed.all).toContain("the image gives errors");
  expect(await mappings()).toMatch(/^converge-old3-xvda1 0 \d+ linear 7:/);
  await lab.run("grep -q old3-root.img /etc/xen/old3.cfg");
  await expectProof();

  await lab.run("dmsetup reload vg0-images </run/whole-table && dmsetup suspend vg0-images; dmsetup resume vg0-images");
  const next = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(next.exitCode, next.all).toBe(0);
  await expectProof();
  expect(await boots(lab, "old3"), "it was not restarted").toBe(booted);
  await converge.expectNothingToDo(playbook);
  await stopGuest(lab, "old3");
  await expectWholeFilesystem(lab, "/dev/vg0/old3-xvda1");
  expect(await mappings()).toBe("");
});

describe.runIf(everything)("stubborn1", () => {
  describeInTheMirror(() => ({ lab, converge }), {
    strategy: "dm", device: "/dev/mapper/converge-stubborn1-xvda1",
    expectOnImage: async () => {
      expect(await mappings()).toMatch(/^converge-stubborn1-xvda1 0 \d+ linear 7:/m);
    },
    expectNone: async () => {
      expect(await mappings()).not.toContain("stubborn1");
    },
  });

  test("is down, its records are all there, and what was begun is taken away", async () => {
    await lab.run(["xl", "destroy", "stubborn1"]);
    await lab.run(["/usr/local/lib/lab/wait-gone", "stubborn1", "240"]);
    expect(await checkRecords(lab, "/srv/xen/stubborn1.img", "stubborn1")).toMatch(/^ok/);
    await lab.run("lvremove --yes vg0/stubborn1-xvda1");
  });
});

test.runIf(everything)("an image that has no room left once all is in sync: the volume takes over, with every record", async () => {
  // a sparse image, and the moment between the last look and the commit: xl is asked to store the new config then
  await lab.run(["sh", "-ec", `fallocate --dig-holes /srv/xen/stubborn1.img
cat >/usr/local/bin/xl <<'SCRIPT'
#!/bin/sh
mapping=converge-stubborn1-xvda1
if [ "$1" = config-update ] && [ ! -e /srv/xen/fill ] && dmsetup table $mapping 2>/dev/null | grep -q ' mirror '; then
  at=0 size=1073741824
  while [ $size -ge 4096 ]; do
    if fallocate -o $at -l $size /srv/xen/fill 2>/dev/null; then at=$((at + size)); else size=$((size / 2)); fi
  done
  tries=1200
  while dmsetup status $mapping | grep -q ' AA '; do
    tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 0.2
  done
fi
exec /usr/sbin/xl "$@"
SCRIPT
chmod 755 /usr/local/bin/xl`]);
  await startGuest(lab, "stubborn1");
  await waitForConsole(lab, "stubborn1", "\\] ack 10$");
  const stubborn1 = onVolumes("stubborn1", { xvda1: {} }, wayOf("mirrors/stubborn1"));
  Object.assign(stubborn1["stubborn1"] as object, { ready: { tcp: 22, address: "10.77.0.18", timeout: "300s" } });
  const run = await converge.run("-i", "lab.yml", await converge.playbook("stubborn1.yml", stubborn1), "--yes");
  expect((await lab.run("stat -c %s /srv/xen/fill")).stdout, "it was filled up").not.toBe("0");
  await lab.run("rm /usr/local/bin/xl /srv/xen/fill");
  expect(run.exitCode, run.all).toBe(0);
  expect(run.all).toContain("gives errors: the volume holds everything, and takes over");
  await expectOnward(lab, "stubborn1", 10);
  await converge.expectNothingToDo("stubborn1.yml");
  await lab.run(["xl", "destroy", "stubborn1"]);
  await lab.run(["/usr/local/lib/lab/wait-gone", "stubborn1", "240"]);
  expect(await checkRecords(lab, "/dev/vg0/stubborn1-xvda1", "stubborn1")).toMatch(/^ok/);
  expect(await mappings()).toBe("");
});

test.runIf(everything)("a guest that is left to reboot by itself is not touched, and mirrored with no downtime after it has", async () => {
  await startGuest(lab, "xfs1");
  const xfs1 = onVolumes("xfs1", { xvda1: {} }, wayOf("mirrors/xfs1"));
  Object.assign(xfs1["xfs1"] as object, { ready: { tcp: 22, address: "10.77.0.15", timeout: "300s" } });
  const first = await converge.run("-i", "lab.yml", await converge.playbook("xfs1.yml", xfs1), "--yes");
  expect(first.exitCode, first.all).toBe(0);
  expect(first.all).toContain("for the guest's own next reboot");
  expect(await attached(lab, "xfs1")).toEqual({ xvda1: "/srv/xen/xfs1.img" });
  const waits = await converge.run("-i", "lab.yml", "xfs1.yml", "--yes");
  expect(waits.exitCode, waits.all).toBe(0);
  expect(waits.all).toContain("moves on when it has rebooted itself");

  const booted = await boots(lab, "xfs1");
  await runInGuest(lab, "10.77.0.15", "reboot");
  await waitForConsole(lab, "xfs1", `xfs1 is up, boot ${String(booted + 1)}`);
  expect(await attached(lab, "xfs1")).toEqual({ xvda1: "/dev/mapper/converge-xfs1-xvda1" });
  const second = await converge.run("-i", "lab.yml", "xfs1.yml", "--yes");
  expect(second.exitCode, second.all).toBe(0);
  expect((await journal(lab, "xfs1")).some((event) => event["event"] === "down"), "no downtime").toBe(false);
  expect(await boots(lab, "xfs1")).toBe(booted + 1);
  await converge.expectNothingToDo("xfs1.yml");
  await stopGuest(lab, "xfs1");
  await expectWholeFilesystem(lab, "/dev/vg0/xfs1-xvda1", ["xfs_repair", "-n"]);
  expect(await checkRecords(lab, "/dev/vg0/xfs1-xvda1", "xfs1")).toMatch(/^ok/);
  expect(await mappings()).toBe("");
});
