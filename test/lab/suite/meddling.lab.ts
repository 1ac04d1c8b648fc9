import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, checkLate, checkRecords, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { attached, expectNothingLeft, expectOnward, expectWholeFilesystem, newestRun, waitForEvent, whileRunning } from "./on-host.js";
import { everything } from "./parts.js";

/**
 * What others do in mid-run, on a real Dom0: somebody edits, restarts, saves or stops the guest, the clock jumps, disks give
 * errors. The guest runs, or is as they left it; nothing is lost; and the next run finishes.
 */

let lab: Lab;
let converge: Converge;

const IMAGE = "/srv/xen/web1/disk.img";
/** So slow that it does not end before something is done to it; or that there is time for something before the switch. */
const SLOWEST = { throttle: { bandwidth: "64KiB/s" } };
const SLOWLY = { throttle: { bandwidth: "1MiB/s" } };

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-meddling" });
  converge = await Converge.at(lab);
  await lab.run("rm -f /etc/xen/auto/*");
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** The run that a test has begun: one that failed leaves it to itself, and the next one is to find none. */
let begun: ReturnType<Converge["start"]> | undefined;

afterEach(async () => {
  if (begun?.exitCode === null) begun.kill("SIGTERM");
  await begun;
  await lab.run("systemctl stop 'converge-web1.service' 'converge-late1.service' 'converge-oldext.service'", { mayFail: true });
});

/** A slow run of web1's move, at the moment in which files are copied. */
async function copying(move: typeof SLOWLY) {
  // from the beginning: a copy that goes on reads fast what is there already
  await lab.run("lvremove -qq -y vg0/web1-xvda1", { mayFail: true });
  const before = await newestRun(lab, "web1");
  const run = converge.start("-i", "lab.yml", await converge.playbook("slow.yml", onVolumes("web1", { xvda1: {} }, move)), "--yes");
  begun = run;
  await whileRunning(run, waitForEvent(lab, "web1", before, '"event":"step".*pass.copy"'));
  // not the process itself: it would be waited for
  return { run };
}

/** The guest runs on its image, and writes on. */
async function expectOnImage(): Promise<void> {
  expect(await attached(lab, "web1")).toMatchObject({ xvda1: IMAGE });
  await expectOnward(lab, "web1", 5);
  await expectNothingLeft(lab);
}

describe.runIf(everything)("in mid-copy", () => {
  test("a volume that gives errors fails the run, and nothing else", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 5$");
    const { run } = await copying(SLOWEST);
    expect((await lab.run("lvremove -f vg0/web1-xvda1", { mayFail: true })).exitCode, "LVM removes nothing that is in use").not.toBe(0);
    await lab.run("dmsetup reload vg0-web1--xvda1 --table \"0 $(blockdev --getsz /dev/vg0/web1-xvda1) error\"; dmsetup resume --noflush vg0-web1--xvda1");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await expectOnImage();
    await lab.run("lvchange --refresh vg0/web1-xvda1");
  });

  test("an image that gives errors fails the run, which says so, and nothing else", async () => {
    // rsync goes through folders by name, and through a folder's files before its folders
    await runInGuest(lab, "10.77.0.11", "mkdir -p /zz && dd if=/dev/urandom of=/zz/last bs=65536 count=16 && sync");
    const { run } = await copying(SLOWEST);
    // the first block of that file, from the image to the volume that the image lies on. In the image itself its inode may
    // still be in the guest's journal only; the snapshot's was replayed.
    await lab.run(["sh", "-ec", `
      block=$(debugfs -R 'bmap /zz/last 0' /run/converge/web1/xvda1/image 2>/dev/null)
      [ "$block" -gt 0 ]
      size=$(dumpe2fs -h ${IMAGE} 2>/dev/null | sed -n 's/^Block size: *//p')
      at=$((block * size / 4096))
      place=$(filefrag -b4096 -v ${IMAGE} | tr ':.' '  ' | awk -v at="$at" '$1 ~ /^[0-9]+$/ && at >= $2 && at <= $3 { print $4 + at - $2 }')
      set -- $(dmsetup table vg0-images-real)
      [ $# = 5 ] && [ -n "$place" ]
      first=$((place * 8))
      printf '0 %s linear %s %s\\n%s 8 error\\n%s %s linear %s %s\\n' "$first" "$4" "$5" "$first" $((first + 8)) $(($2 - first - 8)) "$4" $(($5 + first + 8)) | dmsetup reload vg0-images-real
      dmsetup resume vg0-images-real`]);
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all).toMatch(/Input\/output error/);
    expect(all).toMatch(/zz\/last/);
    await expectOnImage();
    // LVM has put its own table back when it removed the snapshot
    await lab.run(`test "$(dmsetup table vg0-images | wc -l)" = 1`);
  });

  test("somebody who edits the config is not overruled", async () => {
    const { run } = await copying(SLOWLY);
    await lab.run("echo '# edited by hand' >>/etc/xen/web1.cfg");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all).toMatch(/reason +.*web1\.cfg/);
    await expectOnImage();
    expect((await lab.run("tail -n 1 /etc/xen/web1.cfg")).stdout).toMatch(/^# edited by hand$/m);
  });

  test("a guest that crashes, and is started anew by xl, is left where it is", async () => {
    const { run } = await copying(SLOWLY);
    const { highest } = await acks(lab, "web1");
    await lab.run(["/usr/local/lib/lab/guest-sh", "10.77.0.11", "echo c >/proc/sysrq-trigger"], { mayFail: true });
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 20)}$`);
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await expectOnImage();
  });

  test("a guest that somebody saves and restores is another domain: the switch is not made", async () => {
    const { run } = await copying(SLOWLY);
    await lab.run("xl save web1 /srv/web1.save && xl restore /srv/web1.save && rm /srv/web1.save", { timeoutSeconds: 300 });
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all).toMatch(/web1 .*domain/);
    await expectOnImage();
  });

  test("a guest that somebody shuts down stays down, and the next run moves it, with every record", async () => {
    const { run } = await copying(SLOWEST);
    await stopGuest(lab, "web1");
    await lab.run("pkill -KILL -x rsync || :");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect((await lab.run("xl list web1", { mayFail: true })).exitCode, "who shut it down wants it down").not.toBe(0);
    await expectNothingLeft(lab);
    const next = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", onVolumes("web1", { xvda1: {} }, wayOf("meddling/web1"))), "--yes");
    expect(next.exitCode, next.all).toBe(0);
    expect((await converge.run("-i", "lab.yml", "web1.yml", "--yes")).all).toMatch(/^dom0: nothing to do$/m);
    await expectWholeFilesystem(lab, "/dev/vg0/web1-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok/);
    await lab.run("grep -q vg0/web1-xvda1 /etc/xen/web1.cfg");
  });
});

test.runIf(everything)("a clock that jumps, forward in one pass and back in the next, costs nothing", async () => {
  await startGuest(lab, "late1");
  await waitForConsole(lab, "late1", "written gen 2");
  const late1 = readyOn("late1", "10.77.0.12", ["xvda1"], { ...wayOf("meddling/late1"), passes: 3 });
  const before = await newestRun(lab, "late1");
  const run = converge.start("-i", "lab.yml", await converge.playbook("late1.yml", late1), "--yes");
  await whileRunning(run, waitForEvent(lab, "late1", before, '"event":"step".*pass.copy"'));
  await lab.run("date -s '+ 3 hours'");
  await whileRunning(run, waitForEvent(lab, "late1", before, '"event":"pass".*"number":1'));
  await lab.run("date -s '- 26 hours'");
  const { exitCode, all } = await run;
  expect(exitCode, all).toBe(0);
  await lab.run("date -s '+ 23 hours'");
  expect((await converge.run("-i", "lab.yml", "late1.yml", "--yes")).all).toMatch(/^dom0: nothing to do$/m);
  await stopGuest(lab, "late1");
  await expectWholeFilesystem(lab, "/dev/vg0/late1-xvda1");
  expect(await checkLate(lab, "/dev/vg0/late1-xvda1", "late1")).toMatch(/^ok/);
  await expectNothingLeft(lab);
});

test.runIf(everything)("a question to Xen that is not answered while the guest is down is given up, and the guest is back on its image", async () => {
  await startGuest(lab, "oldext");
  await waitForConsole(lab, "oldext", "\\] ack 5$");
  // the first one from when the guest is sent away; those after it are answered
  await lab.run(["sh", "-c", "cat >/usr/local/sbin/xl && chmod 755 /usr/local/sbin/xl"], {
    input: `#!/bin/sh
if [ "$1" = list ] && [ -e /var/lib/converge/domains/oldext/current/down ] && mkdir /run/asked-in-vain 2>/dev/null; then sleep infinity; fi
exec /usr/sbin/xl "$@"
`,
  });
  const run = converge.start("-i", "lab.yml", await converge.playbook("oldext.yml", readyOn("oldext", "10.77.0.14", ["xvda1"], { downtime: "100s" })), "--yes");
  begun = run;
  const { exitCode, all } = await run;
  await lab.run("test -d /run/asked-in-vain; rm /usr/local/sbin/xl");
  expect(exitCode, all).toBe(3);
  expect(all).toMatch(/did not answer within [\d.]+ s, and was given up/);
  expect(await attached(lab, "oldext")).toEqual({ xvda1: "/srv/xen/oldext.img" });
  const { highest } = await acks(lab, "oldext");
  await waitForConsole(lab, "oldext", `\\] ack ${String(highest + 5)}$`);
  await lab.run("while systemctl list-units --no-legend --plain converge-oldext.service | grep -q .; do sleep 0.5; done", { timeoutSeconds: 300 });
  await expectNothingLeft(lab);
  await stopGuest(lab, "oldext");
});

test.runIf(everything)("a volume that does not answer while the guest is down: what waits for it is given up, and the guest is back on its image", async () => {
  await startGuest(lab, "oldext");
  await waitForConsole(lab, "oldext", "\\] ack 5$");
  const playbook = await converge.playbook("oldext.yml", readyOn("oldext", "10.77.0.14", ["xvda1"], { ...wayOf("meddling/oldext"), downtime: "200s" }));
  const before = await newestRun(lab, "oldext");
  const run = converge.start("-i", "lab.yml", playbook, "--yes");
  begun = run;
  await whileRunning(run, waitForEvent(lab, "oldext", before, '"event":"down"', 900));
  // whoever reads or writes it waits within the kernel, where nothing can be killed
  await lab.run("dmsetup suspend --nolockfs --noflush vg0-oldext--xvda1");
  const { exitCode, all } = await run;
  expect(exitCode, all).toBe(3);
  expect(all).toMatch(/did not end within [\d.]+ s, and was given up|took more than three times its forecast/);
  expect(await attached(lab, "oldext")).toEqual({ xvda1: "/srv/xen/oldext.img" });
  const { highest } = await acks(lab, "oldext");
  await waitForConsole(lab, "oldext", `\\] ack ${String(highest + 5)}$`);
  await lab.run("dmsetup resume vg0-oldext--xvda1");
  await lab.run("while systemctl list-units --no-legend --plain converge-oldext.service | grep -q .; do sleep 0.5; done", { timeoutSeconds: 300 });
  await expectNothingLeft(lab);
  const next = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(next.exitCode, next.all).toBe(0);
  expect((await converge.run("-i", "lab.yml", playbook, "--yes")).all).toMatch(/^dom0: nothing to do$/m);
  await stopGuest(lab, "oldext");
  await expectWholeFilesystem(lab, "/dev/vg0/oldext-xvda1");
  expect(await checkRecords(lab, "/dev/vg0/oldext-xvda1", "oldext")).toMatch(/^ok/);
});

test.runIf(everything)("a mirrored guest whose run died between its config and the cut, which somebody then starts and stops, keeps what it wrote to its volume", async () => {
  await startGuest(lab, "xfs1");
  await waitForConsole(lab, "xfs1", "\\] ack 5$");
  const playbook = await converge.playbook("xfs1.yml", readyOn("xfs1", "10.77.0.15", ["xvda1"], wayOf("meddling/xfs1")));
  // the config names the volume then, and the guest is still on the mirror
  await lab.run(["sh", "-c", "cat >/usr/local/sbin/xl && chmod 755 /usr/local/sbin/xl"], {
    input: "#!/bin/sh\ncase $1 in config-update) while [ -e /usr/local/sbin/xl ]; do sleep 0.2; done ;; esac\nexec /usr/sbin/xl \"$@\"\n",
  });
  const before = await newestRun(lab, "xfs1");
  const run = converge.start("-i", "lab.yml", playbook, "--yes");
  begun = run;
  await whileRunning(run, waitForEvent(lab, "xfs1", before, '"event":"step","id":"update-stored"', 900));
  // nobody recovers it yet: its lock goes over to somebody else
  await lab.run("systemd-run --unit=held-lock flock /var/lib/converge/domains/xfs1/lock sleep infinity");
  await lab.run("systemctl kill --kill-who=all --signal=KILL converge-xfs1.service; rm /usr/local/sbin/xl");
  await lab.run("until systemctl show -p ActiveState converge-xfs1.service | grep -qE 'inactive|failed'; do sleep 0.5; done", { timeoutSeconds: 300 });
  await lab.run("grep -q /dev/vg0/xfs1-xvda1 /etc/xen/xfs1.cfg");
  await stopGuest(lab, "xfs1");
  await startGuest(lab, "xfs1");
  expect(await attached(lab, "xfs1")).toEqual({ xvda1: "/dev/vg0/xfs1-xvda1" });
  const { highest } = await acks(lab, "xfs1");
  await waitForConsole(lab, "xfs1", `\\] ack ${String(highest + 20)}$`);
  await stopGuest(lab, "xfs1");
  await lab.run("systemctl stop held-lock.service");
  await run;
  const next = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(next.exitCode, next.all).toBe(0);
  expect((await converge.run("-i", "lab.yml", playbook, "--yes")).all).toMatch(/^dom0: nothing to do$/m);
  expect((await lab.run("xl list xfs1", { mayFail: true })).exitCode, "who stopped it may start it").not.toBe(0);
  await lab.run("grep -q /dev/vg0/xfs1-xvda1 /etc/xen/xfs1.cfg");
  await expectWholeFilesystem(lab, "/dev/vg0/xfs1-xvda1", ["xfs_repair", "-n"]);
  expect(await checkRecords(lab, "/dev/vg0/xfs1-xvda1", "xfs1")).toMatch(/^ok/);
  await expectNothingLeft(lab);
});
