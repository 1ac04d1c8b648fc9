import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkRecords, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes } from "./converge.js";
import { wayOf } from "./covered.js";
import {
  expectMeasuredDowntime, expectNothingLeft, expectWholeFilesystem, journal, newestRun, waitForEvent, whileRunning,
} from "./on-host.js";
import { everything, inPart } from "./parts.js";

/** Guests whose disks QEMU serves are mirrored by it, on a real Xen Dom0, and write all the while. */

let lab: Lab;
let converge: Converge;

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-qemu" });
  converge = await Converge.at(lab);
  await lab.run("rm -f /etc/xen/auto/*");
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** Makes an image of another format out of a raw one, by Dom0's own QEMU. */
async function convert(format: "qcow2" | "vpc", from: string, to: string): Promise<void> {
  const script = await readFile(new URL("convert-image.py", import.meta.url), "utf8");
  await lab.run(["python3", "-c", script, format, from, to], { timeoutSeconds: 600 });
}

/** The disk of a guest's config is served by QEMU from then on: `was` is the target as it is written, `now` what comes instead. */
async function configure(guest: string, was: string, now: string): Promise<void> {
  await lab.run(["sed", "-i", `s#${was}#${now}#`, `/etc/xen/${guest}.cfg`]);
}

/** Files and devices that the guest's QEMU has open. */
async function opened(guest: string): Promise<string> {
  const script = 'ls -l /proc/$(pgrep -f "xen-domid $(xl domid $1) ")/fd | sed -n "s/.* -> //p" | grep -e ^/srv -e ^/dev/dm';
  return (await lab.run(["sh", "-c", script, "sh", guest], { mayFail: true })).stdout.trim();
}

describe.runIf(inPart(2))("a guest on a qcow2 image and a raw one", () => {
  let before: string;
  // what is in the qcow2 image QEMU alone knows
  const WEB1 = onVolumes("web1", { xvda1: {}, xvda2: { move: { verify: "full" } } }, { ...wayOf("qemu/web1"), source: "retire" });

  test("goes over to its volumes without being stopped, and QEMU has let go of the images", async () => {
    await convert("qcow2", "/srv/xen/web1/disk.img", "/srv/xen/web1/disk.qcow2");
    await configure("web1", "file:/srv/xen/web1/disk.img,xvda1,w", "/srv/xen/web1/disk.qcow2,qcow2,xvda1,w");
    await configure("web1", "file:/srv/xen/web1/swap.img,xvda2,w", "/srv/xen/web1/swap.img,raw,xvda2,w,backendtype=qdisk");
    before = (await lab.run("cat /etc/xen/web1.cfg")).stdout;
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    const domid = (await lab.run(["xl", "domid", "web1"])).stdout;
    const { highest } = await acks(lab, "web1");
    const run = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", WEB1), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect((await lab.run(["xl", "domid", "web1"])).stdout, "the same domain").toBe(domid);
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 30)}$`);
    expect(await boots(lab, "web1"), "it was not restarted").toBe(1);
    await expectMeasuredDowntime(lab, "web1", highest);
    expect(await opened("web1"), "the images").not.toContain("/srv/");
    expect((await lab.run("ls /srv/xen/web1")).stdout).toContain("disk.qcow2.retired");
    await expectNothingLeft(lab);
    const waited = (await journal(lab, "web1")).map((event) => /waited (\d+) ms/.exec(String(event["message"]))?.[1]).find((ms) => ms !== undefined);
    const told = (await journal(lab, "web1")).map((event) => String(event["message"]));
    expect(told.find((message) => /swap.img and its volume, compared at rest/.test(message)), "the raw image").toContain("are equal");
    expect(told.find((message) => message.includes("stood still for")), "paused for it").toBeDefined();
    // a few times ten on hardware; the emulated Dom0 needs some hundreds for the same few calls
    expect(Number(waited), `its disks were held for ${waited ?? "?"} ms`).toBeLessThan(5000);
  });

  test("finds nothing to do the second time", async () => {
    const again = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toMatch(/^dom0: nothing to do$/m);
  });

  test("is restored on its volumes when it is saved, as xendomains does it", async () => {
    await lab.run("xl save web1 /var/tmp/web1 && xl restore /var/tmp/web1 && rm /var/tmp/web1", { timeoutSeconds: 300 });
    const { highest } = await acks(lab, "web1");
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
    const { stdout } = await lab.run("xenstore-ls -f /local/domain/0/backend/vbd | grep params");
    expect(stdout).toContain("/dev/vg0/web1-xvda1");
    expect(stdout).toContain("/dev/vg0/web1-xvda2");
  });

  test.runIf(everything)("comes back on them when it reboots itself", async () => {
    await runInGuest(lab, "10.77.0.11", "reboot");
    await waitForConsole(lab, "web1", "web1 is up, boot 2");
    expect((await lab.run("xenstore-ls -f /local/domain/0/backend/vbd | grep params")).stdout).toContain("/dev/vg0/web1-xvda1");
  });

  test("and every record that it was told is safe is there", async () => {
    await stopGuest(lab, "web1");
    await expectWholeFilesystem(lab, "/dev/vg0/web1-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok records=\d+ acked=\d+$/);
  });

  test.runIf(everything)("is taken back to its images by a config that is what it was, and QEMU serves both again", async () => {
    const back = await converge.run("rollback", "-i", "lab.yml", "dom0", "web1", "--yes");
    expect(back.exitCode, back.all).toBe(0);
    expect((await lab.run("cat /etc/xen/web1.cfg")).stdout).toBe(before);
    await startGuest(lab, "web1");
    expect((await opened("web1")).split("\n").sort()).toEqual(["/srv/xen/web1/disk.qcow2", "/srv/xen/web1/swap.img"]);
    await stopGuest(lab, "web1");
    await expectNothingLeft(lab);
  });
});

describe.runIf(everything)("a guest on a VHD image, in the mirror", () => {
  const OLDEXT = onVolumes("oldext", { xvda1: {} }, { ...wayOf("qemu/oldext"), throttle: { bandwidth: "512KiB/s" } });
  Object.assign(OLDEXT["oldext"] as object, { ready: { tcp: 22, address: "10.77.0.14", timeout: "300s" } });

  async function start(terminal = false) {
    const before = await newestRun(lab, "oldext");
    const playbook = await converge.playbook("oldext.yml", OLDEXT);
    const run = terminal ? converge.startOnTerminal("-i", "lab.yml", playbook) : converge.start("-i", "lab.yml", playbook, "--yes");
    if (terminal) run.stdin?.write("yes\n");
    await whileRunning(run, waitForEvent(lab, "oldext", before, '"event":"progress","id":"xvda1.sync"', 600));
    return { run };
  }

  /** The guest writes on, on its image, and QEMU knows nothing of a mirror any more. */
  async function expectOnImage(): Promise<void> {
    const { highest } = await acks(lab, "oldext");
    await waitForConsole(lab, "oldext", `\\] ack ${String(highest + 5)}$`);
    expect((await opened("oldext")).split("\n")).toEqual(["/srv/xen/oldext.vhd"]);
    expect((await lab.run("cat /etc/xen/oldext.cfg")).stdout).toContain("/srv/xen/oldext.vhd");
    await expectNothingLeft(lab);
  }

  test("a volume that gives errors ends the mirror and nothing else", async () => {
    await convert("vpc", "/srv/xen/oldext.img", "/srv/xen/oldext.vhd");
    await configure("oldext", "tap2:aio:/srv/xen/oldext.img,xvda1,w", "/srv/xen/oldext.vhd,vhd,xvda1,w");
    await startGuest(lab, "oldext");
    await waitForConsole(lab, "oldext", "\\] ack 10$");
    const { run } = await start();
    await lab.run("dmsetup reload vg0-oldext--xvda1 --table \"0 $(blockdev --getsz /dev/vg0/oldext-xvda1) error\"; dmsetup resume --noflush vg0-oldext--xvda1");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all).toContain("QEMU gave the mirror up");
    await lab.run("lvchange --refresh vg0/oldext-xvda1");
    await expectOnImage();
  });

  test("the host program, killed with all its children, is taken back", async () => {
    const { run } = await start();
    await lab.run("systemctl kill --kill-whom=all --signal=KILL converge-oldext.service");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await expectOnImage();
  });

  test("Ctrl-C takes it back", async () => {
    const { run } = await start(true);
    run.stdin?.write("\x03");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    await expectOnImage();
  });

  test.runIf(everything)("the guest's own reboot ends the QEMU that mirrors, and the run with it: it comes up on its image", async () => {
    const { run } = await start();
    const booted = await boots(lab, "oldext");
    await runInGuest(lab, "10.77.0.14", "reboot");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await waitForConsole(lab, "oldext", `oldext is up, boot ${String(booted + 1)}`);
    await expectOnImage();
  });

  test.runIf(everything)("Dom0 reboots in order: the guest is restored on its image, by a QEMU that knows of no mirror", async () => {
    const { run } = await start();
    // it ends when it cannot reach Dom0 any more, and nobody waits for that
    void run.catch(() => undefined);
    const booted = await boots(lab, "oldext");
    await lab.reboot();
    await lab.run("until xl domid oldext; do sleep 0.5; done", { timeoutSeconds: 300 });
    await expectOnImage();
    expect(await boots(lab, "oldext"), "it kept its uptime").toBe(booted);
  });

  test("and the next run finishes, with nothing lost", async () => {
    Object.assign(OLDEXT["oldext"] as object, { move: wayOf("qemu/oldext") });
    const booted = await boots(lab, "oldext");
    const run = await converge.run("-i", "lab.yml", await converge.playbook("oldext.yml", OLDEXT), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await boots(lab, "oldext")).toBe(booted);
    await stopGuest(lab, "oldext");
    await expectWholeFilesystem(lab, "/dev/vg0/oldext-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/oldext-xvda1", "oldext")).toMatch(/^ok/);
  });
});
