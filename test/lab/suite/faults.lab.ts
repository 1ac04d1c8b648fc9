import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkLate, checkRecords, firstSinceStart, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { attached, cutPower, expectLike, expectNothingLeft, expectOnward, newestRun, waitForEvent, whileRunning } from "./on-host.js";
import { everything, inPart } from "./parts.js";

/** Faults, caused on a real Dom0. After each the guest runs without a human, and nothing of the run is left. */

let lab: Lab;
let converge: Converge;

const IMAGE = "/srv/xen/web1/disk.img";
const WEB1 = (move: Readonly<Record<string, unknown>> = {}) =>
  onVolumes("web1", { xvda1: { filesystem: "ext4" } }, { ...wayOf("faults/web1"), ...move });

async function reconnect(): Promise<void> {
  converge = await Converge.at(lab);
}

/** The guest runs, on its image, and writes on. */
async function expectOnImage(): Promise<void> {
  expect(await attached(lab, "web1")).toMatchObject({ xvda1: IMAGE });
  await expectOnward(lab, "web1", 5);
  await expectNothingLeft(lab);
}

/** A run of converge, and a way to wait for what its journal on the host says. */
async function start() {
  const before = await newestRun(lab, "web1");
  return {
    run: converge.start("-i", "lab.yml", "web1.yml", "--yes"),
    saw: (pattern: string, seconds?: number) => waitForEvent(lab, "web1", before, pattern, seconds),
  };
}

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-faults" });
  await lab.run("rm -f /etc/xen/auto/*");
  await reconnect();
  await startGuest(lab, "web1");
});

beforeEach(async () => {
  await converge.playbook("web1.yml", WEB1());
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

describe("before the guest is touched", () => {
  test.runIf(inPart("base"))("a snapshot that fills up is grown or given up, and never passes for a source", async () => {
    // as small as it gets, and no room to grow: the rest of vg0 is taken
    await converge.playbook("web1.yml", WEB1({ snapshot: { size: "8MiB" }, throttle: { bandwidth: "64KiB/s" } }));
    const { run, saw } = await start();
    await saw('"event":"step".*"xvda1.pass.copy"');
    await lab.run("lvcreate -qq -y -Wn -Zn -l 100%FREE -n filler vg0");
    // the guest's own writes and these fill it
    await lab.run("dd if=/dev/urandom of=/srv/xen/filler bs=1M count=24 conv=fsync status=none; rm /srv/xen/filler");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await lab.run("lvremove -qq -y vg0/filler");
    expect(all).toMatch(/overflowed|no room to grow|does not count/);
    await expectOnImage();
  });

  test.runIf(everything)("a copy that is killed is undone, and its volume kept for the next run", async () => {
    await converge.playbook("web1.yml", WEB1({ throttle: { bandwidth: "64KiB/s" } }));
    const { run, saw } = await start();
    await saw('"event":"step".*pass.copy"');
    await lab.run("until pkill -KILL -x rsync; do sleep 0.2; done");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await expectOnImage();
    expect((await lab.run("lvs --noheadings -o lv_tags vg0/web1-xvda1")).stdout).toContain("converge.role=copy");
  });

  test.runIf(everything)("Ctrl-C stops at the next safe point and takes everything back", async () => {
    await converge.playbook("web1.yml", WEB1({ throttle: { bandwidth: "64KiB/s" } }));
    const before = await newestRun(lab, "web1");
    const run = converge.startOnTerminal("-i", "lab.yml", "web1.yml");
    run.stdin.write("yes\n");
    await whileRunning(run, waitForEvent(lab, "web1", before, '"event":"step".*pass.copy"'));
    run.stdin.write("\x03");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    expect(all, "ssh is not what Ctrl-C ends").not.toContain("connection lost");
    await expectOnImage();
  });
});

/** Ends converge's ssh connections without a word, and leaves converge itself alone. */
async function cutConnection(): Promise<void> {
  await execa("pkill", ["--signal", "KILL", "--full", "--", "^ssh -M -N -f -T -o ControlPersist=120"]);
}

test.runIf(inPart(4))("a connection that is cut in mid-copy and again in mid-switch is made again, and the guest ends on its volume", async () => {
  // what it would write is not looked at here
  await lab.run("xl pause web1");
  await startGuest(lab, "oldext");
  const oldext = onVolumes("oldext", { xvda1: {} }, wayOf("faults/oldext"));
  Object.assign(oldext["oldext"] as object, { ready: { tcp: 22, address: "10.77.0.14", timeout: "300s" } });
  const before = await newestRun(lab, "oldext");
  const run = converge.start("-i", "lab.yml", await converge.playbook("oldext.yml", oldext), "--yes");
  await whileRunning(run, waitForEvent(lab, "oldext", before, '"event":"step".*pass.copy"'));
  await cutConnection();
  await waitForEvent(lab, "oldext", before, '"event":"down"', 900);
  await cutConnection();
  const { exitCode, all } = await run;
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/connection lost.*the run goes on/);
  expect(all).toContain("connected again");
  expect(await attached(lab, "oldext")).toEqual({ xvda1: "/dev/vg0/oldext-xvda1" });
  await expectNothingLeft(lab);
  await converge.expectNothingToDo("oldext.yml");
  await stopGuest(lab, "oldext");
  expect(await checkRecords(lab, "/dev/vg0/oldext-xvda1", "oldext")).toMatch(/^ok/);
  await lab.run("xl unpause web1");
  await expectLike(lab, "/dev/vg0/oldext-xvda1", "/srv/xen/oldext.img");
});

test.runIf(everything)("the power of Dom0 goes while a pass copies: at boot its snapshot goes, and the guest is on its image", async () => {
  await converge.playbook("web1.yml", WEB1({ throttle: { bandwidth: "64KiB/s" } }));
  const { run, saw } = await start();
  await saw('"event":"step".*pass.copy"');
  const { highest } = await acks(lab, "web1");
  const tags = await lab.run("lvs --noheadings -o lv_tags vg0/converge-web1-images");
  expect(tags.stdout).toContain("converge.role=snapshot");
  await cutPower(lab, run);
  await reconnect();
  // no run comes to its help
  await lab.run("until [ -z \"$(lvs --noheadings -S 'lv_tags=converge.role=snapshot')\" ]; do sleep 0.5; done", { timeoutSeconds: 300 });
  // it is not one that starts with Dom0
  await startGuest(lab, "web1");
  await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
  await expectOnImage();
  expect((await lab.run("lvs --noheadings -o lv_tags vg0/web1-xvda1")).stdout, "the next run goes on with it").toContain("converge.role=copy");
});

describe("while the guest is down", () => {
  test.runIf(inPart("base"))("the host program, killed with all its children, is looked after: the guest is back on its image", async () => {
    const { run, saw } = await start();
    await saw('"event":"step".*copy-last"', 900);
    await lab.run("systemctl kill --kill-whom=all --signal=KILL converge-web1.service");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await expectOnImage();
  });

  test.runIf(everything)("a guest whose building hangs, and is killed, does not stay half built: it is back on its image", async () => {
    // Xen's script for disks waits where it is told to, and xl with it
    await lab.run(`cp -p /etc/xen/scripts/block /etc/xen/scripts/block.xen
printf '%s\\n' '#!/bin/bash' '[ "$1" != add ] || while [ -e /run/block-waits ]; do : >/run/block-asked; sleep 0.2; done' \\
  'exec /etc/xen/scripts/block.xen "$@"' >/etc/xen/scripts/block`);
    const { run, saw } = await start();
    await saw('"event":"step".*copy-last"', 900);
    await lab.run("touch /run/block-waits");
    await saw('"event":"step".*create-paused', 600);
    await lab.run("until [ -e /run/block-asked ] && pkill -KILL -f '[b]in/xl create -p'; do sleep 0.1; done; rm /run/block-waits", { timeoutSeconds: 300 });
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await lab.run("mv /etc/xen/scripts/block.xen /etc/xen/scripts/block");
    await expectOnImage();
  });

  test.runIf(everything)("a guest that Xen starts on no disk at all for a while is tried again by itself, and is back on its image once Xen does", async () => {
    await lab.run(`cp -p /etc/xen/scripts/block /etc/xen/scripts/block.xen
printf '%s\\n' '#!/bin/bash' 'if [ "$1" = add ] && [ -e /run/block-fails ]; then exit 1; fi' 'exec /etc/xen/scripts/block.xen "$@"' >/etc/xen/scripts/block`);
    const { run, saw } = await start();
    await saw('"event":"down"', 900);
    await lab.run("touch /run/block-fails");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all.replaceAll(/\s+/g, " ")).toContain("web1 is down; that is mended by itself, if it can be: it is tried again for an hour");
    expect((await lab.run("xl list")).stdout).not.toContain("web1");
    await lab.run("rm /run/block-fails");
    // nobody is connected, and nobody does anything
    await lab.run("until xl domid web1 && ! systemctl list-units --no-legend 'converge-again-*' | grep .; do sleep 1; done", { timeoutSeconds: 300 });
    await lab.run("mv /etc/xen/scripts/block.xen /etc/xen/scripts/block");
    await expectOnImage();
  });

  test.runIf(inPart(2))("the power of Dom0 goes: at boot the guest comes up on its image, with every acknowledged record", async () => {
    const { run, saw } = await start();
    await saw('"event":"step".*copy-last"', 900);
    // it is down, and has been told what it has been told
    const { highest } = await acks(lab, "web1");
    await cutPower(lab, run);
    await reconnect();
    await lab.run("until xl domid web1; do sleep 0.5; done", { timeoutSeconds: 300 });
    expect(await attached(lab, "web1")).toMatchObject({ xvda1: IMAGE });
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
    expect(await firstSinceStart(lab, "web1"), "it goes on behind what it was told is safe").toBeGreaterThan(highest);
    await expectNothingLeft(lab);
  });

  test.runIf(everything)("a full file system of Dom0's is no obstacle to the way back: the config is as it was, and the guest on its image", async () => {
    const config = (await lab.run("sha256sum /etc/xen/web1.cfg")).stdout;
    const { run, saw } = await start();
    await saw('"event":"step".*create-paused', 900);
    expect((await lab.run("sha256sum /etc/xen/web1.cfg")).stdout, "it is edited").not.toBe(config);
    await lab.run(`fallocate -l "$(df --output=avail -B1 / | tail -n 1)" /filler; dd if=/dev/zero of=/filler.rest bs=64K status=none
systemctl kill --kill-whom=all --signal=KILL converge-web1.service`, { mayFail: true });
    const back = 'until [ "$(sha256sum /etc/xen/web1.cfg)" = "$1" ] && xl domid web1; do sleep 0.5; done';
    await lab.run(["sh", "-c", back, "sh", config.trim()], { timeoutSeconds: 300 });
    await lab.run("rm -f /filler /filler.rest");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await expectOnImage();
  });

  // and the last one: what those before it have left is gone on with, to its end
  test.runIf(inPart(4))("a controller that is killed does not matter: the run goes on, and the guest ends on its volume", async () => {
    const { run, saw } = await start();
    await saw('"event":"down"', 900);
    run.kill("SIGKILL");
    await run;
    await saw('"event":"end"', 600);
    expect(await attached(lab, "web1")).toMatchObject({ xvda1: "/dev/vg0/web1-xvda1" });
    await expectNothingLeft(lab);
    await converge.expectNothingToDo("web1.yml");
    await stopGuest(lab, "web1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok/);
  });
});

describe.runIf(everything)("Dom0 reboots in order, with xendomains saving and restoring the guests", () => {
  test("a guest on its volume is restored there, and writes on", async () => {
    await lab.run("xl create -q /etc/xen/web1.cfg && ln -sf ../web1.cfg /etc/xen/auto/");
    await waitForConsole(lab, "web1", "\\] ack [0-9]+$");
    const { highest } = await acks(lab, "web1");
    await lab.reboot();
    await lab.run("until xl domid web1; do sleep 0.5; done", { timeoutSeconds: 300 });
    expect(await attached(lab, "web1")).toMatchObject({ xvda1: "/dev/vg0/web1-xvda1" });
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
    await expectNothingLeft(lab);
    await stopGuest(lab, "web1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1", highest)).toMatch(/^ok/);
  });

  test("in mid-copy: the guest is restored on its image, nothing is left, and the next run finishes", async () => {
    await startGuest(lab, "late1");
    await lab.run("ln -sf ../late1.cfg /etc/xen/auto/");
    const late1 = onVolumes("late1", { xvda1: {} }, { ...wayOf("faults/late1"), throttle: { bandwidth: "64KiB/s" } });
    Object.assign(late1["late1"] as object, { ready: { tcp: 22, address: "10.77.0.12", timeout: "300s" } });
    const before = await newestRun(lab, "late1");
    const run = converge.start("-i", "lab.yml", await converge.playbook("late1.yml", late1), "--yes");
    await whileRunning(run, waitForEvent(lab, "late1", before, '"event":"step".*pass.copy"'));
    await lab.reboot();
    run.kill("SIGTERM");
    await run;
    await lab.run("until xl domid late1; do sleep 0.5; done", { timeoutSeconds: 300 });
    expect(await attached(lab, "late1")).toMatchObject({ xvda1: "/srv/xen/late1.img" });
    await expectNothingLeft(lab);
    await converge.playbook("late1.yml", { late1: { ...(late1["late1"] as object), move: { ...wayOf("faults/late1"), downtime: "900s", shutdown: { timeout: "300s" } } } });
    const again = await converge.run("-i", "lab.yml", "late1.yml", "--yes");
    expect(again.exitCode, again.all).toBe(0);
    await converge.expectNothingToDo("late1.yml");
    await stopGuest(lab, "late1");
    expect(await checkLate(lab, "/dev/vg0/late1-xvda1", "late1")).toMatch(/^ok/);
  });
});

test.runIf(inPart(3))("a guest that ignores the shutdown request stays up, on its image", async () => {
  await startGuest(lab, "stubborn1");
  const stubborn1 = onVolumes("stubborn1", { xvda1: {} }, { shutdown: { timeout: "10s" } });
  Object.assign(stubborn1["stubborn1"] as object, { ready: { tcp: 22, address: "10.77.0.18", timeout: "300s" } });
  const run = await converge.run("-i", "lab.yml", await converge.playbook("stubborn1.yml", stubborn1), "--yes");
  expect(run.exitCode, run.all).toBe(3);
  expect(run.all).toContain("ignored the shutdown request");
  expect(await attached(lab, "stubborn1")).toMatchObject({ xvda1: "/srv/xen/stubborn1.img" });
  await expectOnward(lab, "stubborn1", 5);
  await expectNothingLeft(lab);
});

test.runIf(everything)("and goes on from the copy that there is of it in a way that asks for no shutdown", async () => {
  const booted = await boots(lab, "stubborn1");
  const suspended = readyOn("stubborn1", "10.77.0.18", ["xvda1"], wayOf("faults/stubborn1"));
  const run = await converge.run("-i", "lab.yml", await converge.playbook("stubborn1.yml", suspended), "--yes");
  expect(run.exitCode, run.all).toBe(0);
  await expectOnward(lab, "stubborn1", 5);
  expect(await boots(lab, "stubborn1"), "it was not restarted").toBe(booted);
  await converge.expectNothingToDo("stubborn1.yml");
  await lab.run(["xl", "destroy", "stubborn1"]);
  await lab.run(["/usr/local/lib/lab/wait-gone", "stubborn1", "240"]);
  expect(await checkRecords(lab, "/dev/vg0/stubborn1-xvda1", "stubborn1")).toMatch(/^ok/);
});
