import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import type { Hypervisor } from "../lab.js";
import { acks, boots, checkRecords, kernelInside, makeHvm, makePvh, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes } from "./converge.js";
import { wayOf } from "./covered.js";
import {
  attached, expectMeasuredDowntime, expectNothingLeft, expectOnward, expectWholeFilesystem, journal, newestRun, waitForEvent, whileRunning,
} from "./on-host.js";
import { everything, inPart } from "./parts.js";

/**
 * Guests that write all the while are taken over without being shut down, on both builds of Debian's hypervisor. The
 * order matters: one boot serves all tests of a block, and each finds what the ones before have left.
 */

let lab: Lab;
let converge: Converge;
/** Guests that sat on a mapping since Dom0 has booted: the boot units of those that have left it go at the next boot. */
let mapped: string[] = [];

function onLab(hypervisor: Hypervisor, cpu: "pv" | "svm", name = `suite-switches-${hypervisor}`): void {
  beforeAll(async () => {
    lab = await Lab.up({ name, hypervisor, cpu });
    mapped = [];
    converge = await Converge.at(lab);
    await lab.run("rm -f /etc/xen/auto/*");
    // xenconsoled names a log after the name that a domain has at first, and goes on with it (seen): to be one log
    await lab.run("cd /var/log/xen/console && for guest in web1 oldext whole1; do ln -sf guest-$guest.log guest-$guest--incoming.log; done");
  }, 1_200_000);
  afterAll(async () => {
    await converge.remove();
    await lab.down();
  });
}

async function domid(guest: string): Promise<string> {
  return (await lab.run(["xl", "domid", guest])).stdout.trim();
}

/** Its identity, as xl has it stored: uuid and MAC addresses. */
async function identity(guest: string): Promise<readonly string[]> {
  const { stdout } = await lab.run(["xl", "list", "-l", guest]);
  return [...stdout.matchAll(/"(?:uuid|mac)": "([^"]+)"/g)].map((match) => match[1] ?? "").sort();
}

function withReady(domain: string, address: string, disks: Parameters<typeof onVolumes>[1], move: Parameters<typeof onVolumes>[2]) {
  const wish = onVolumes(domain, disks, move);
  Object.assign(wish[domain] as object, { ready: { tcp: 22, address, timeout: "300s" } });
  return wish;
}

interface Taken {
  readonly guest: string;
  readonly address: string;
  readonly disks: Parameters<typeof onVolumes>[1];
  readonly move: Parameters<typeof onVolumes>[2];
  /** What is attached once the guest has rebooted by itself. */
  readonly volumes: Readonly<Record<string, string>>;
  /** The step that takes it over. */
  readonly step: "migrate-guest" | "save-guest" | "shut-down";
}

/** Moves a running guest and looks at everything that was promised. Gives what converge printed. */
async function move({ guest, address, disks, move: how, volumes, step }: Taken): Promise<string> {
  const root = `/dev/vg0/${guest}-xvda1`;
  const before = { boots: await boots(lab, guest), domid: await domid(guest), identity: await identity(guest), highest: (await acks(lab, guest)).highest };
  const playbook = await converge.playbook(`${guest}.yml`, withReady(guest, address, disks, how));
  const run = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(run.exitCode, run.all).toBe(0);
  mapped.push(guest);
  const events = await journal(lab, guest);
  expect(events.some((event) => event["event"] === "step" && event["kind"] === step), run.all).toBe(true);
  expect(await domid(guest)).not.toBe(before.domid);
  expect(await identity(guest)).toEqual(before.identity);
  await waitForConsole(lab, guest, `\\] ack ${String(before.highest + 20)}$`);
  expect(await boots(lab, guest), "restarts").toBe(before.boots + (step === "shut-down" ? 1 : 0));
  await expectMeasuredDowntime(lab, guest, before.highest);
  await expectNothingLeft(lab, mapped);

  const again = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(again.exitCode, again.all).toBe(0);
  expect(again.all).toMatch(/^dom0: nothing to do$/m);

  const booted = await boots(lab, guest);
  await runInGuest(lab, address, "reboot");
  await waitForConsole(lab, guest, `${guest} is up, boot ${String(booted + 1)}`);
  expect(await attached(lab, guest)).toEqual(volumes);
  expect(await identity(guest)).toEqual(before.identity);
  await stopGuest(lab, guest);
  if (volumes["xvda1"] === root) {
    await expectWholeFilesystem(lab, root);
    expect(await checkRecords(lab, root, guest)).toMatch(/^ok records=\d+ acked=\d+$/);
  }
  return run.all;
}

describe("on a hypervisor without shadow paging", () => {
  onLab("security", "svm");

  test.runIf(everything)("a PV guest is not migrated, and the refusal says why and what else there is", async () => {
    await startGuest(lab, "oldext");
    const wish = withReady("oldext", "10.77.0.14", { xvda1: {} }, { strategy: "dm", switch: "migrate" });
    const refused = await converge.run("--check", "-i", "lab.yml", await converge.playbook("oldext.yml", wish));
    expect(refused.exitCode, refused.all).not.toBe(0);
    expect(refused.all).toContain("can-not-migrate");
    expect(refused.all).toContain("built without shadow paging");
    await stopGuest(lab, "oldext");
  });

  test.runIf(inPart(2))("a PVH guest is live-migrated onto the volume of one of its two disks: what costs the least downtime", async () => {
    await makePvh(lab, "web1");
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    const printed = await move({
      guest: "web1", address: "10.77.0.11", disks: { xvda1: {} }, move: wayOf("switches/web1-pvh"), step: "migrate-guest",
      volumes: { xvda1: "/dev/vg0/web1-xvda1", xvda2: "/srv/xen/web1/swap.img" },
    });
    expect(printed).toMatch(/migrate: about [\d.]+ s of downtime, the shortest of what is possible/);
    expect(printed).toContain("not dm, restart: the guest would lose more time");
  });

  test.runIf(everything)("a PVH guest is suspended", async () => {
    await makePvh(lab, "oldext");
    await startGuest(lab, "oldext");
    await waitForConsole(lab, "oldext", "\\] ack 20$");
    await move({
      guest: "oldext", address: "10.77.0.14", disks: { xvda1: {} }, move: wayOf("switches/oldext-pvh"), step: "save-guest",
      volumes: { xvda1: "/dev/vg0/oldext-xvda1" },
    });
  });

  test.runIf(everything)("a whole disk with partitions is mirrored under an HVM guest with a CD drive, which is migrated", async () => {
    await makeHvm(lab, "whole1");
    // as most have one
    await lab.run("truncate -s 2M /srv/xen/tools.iso && sed -i \"s#'/srv/xen/whole1.img,,xvda'#&, '/srv/xen/tools.iso,,hdc,cdrom'#\" /etc/xen/whole1.cfg");
    await startGuest(lab, "whole1");
    await waitForConsole(lab, "whole1", "\\] ack 20$");
    const printed = await move({
      guest: "whole1", address: "10.77.0.17", disks: { xvda: {} }, move: wayOf("switches/whole1-hvm"), step: "migrate-guest",
      volumes: { xvda: "/dev/vg0/whole1-xvda", hdc: "aio:/srv/xen/tools.iso" },
    });
    expect(printed).toMatch(/migrate: about [\d.]+ s of downtime, the shortest of what is possible/);
    expect(await checkRecords(lab, "/dev/vg0/whole1-xvda:1", "whole1")).toMatch(/^ok/);
  });
});

describe.runIf(everything)("on a hypervisor with shadow paging", () => {
  onLab("main", "pv");

  test("a PV guest is live-migrated with both of its disks", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    await move({
      guest: "web1", address: "10.77.0.11", disks: { xvda1: {}, xvda2: {} }, move: wayOf("switches/web1"), step: "migrate-guest",
      volumes: { xvda1: "/dev/vg0/web1-xvda1", xvda2: "/dev/vg0/web1-xvda2" },
    });
  });

  test("a whole disk with partitions, and the kernel in it, is mirrored under a guest that is migrated, and boots from its volume", { timeout: 1_800_000 }, async () => {
    await kernelInside(lab, "whole1", "/srv/xen/whole1.img");
    await startGuest(lab, "whole1");
    await waitForConsole(lab, "whole1", "\\] ack 20$");
    await move({
      guest: "whole1", address: "10.77.0.17", disks: { xvda: {} }, move: wayOf("switches/whole1"), step: "migrate-guest",
      volumes: { xvda: "/dev/vg0/whole1-xvda" },
    });
    expect(await checkRecords(lab, "/dev/vg0/whole1-xvda:1", "whole1")).toMatch(/^ok/);
    await startGuest(lab, "whole1");
    expect(await attached(lab, "whole1"), "pygrub's own disk is gone").toEqual({ xvda: "/dev/vg0/whole1-xvda" });
    await stopGuest(lab, "whole1");
  });

  test("a guest that somebody else migrates in mid-copy is another domain: the switch is not made, and it runs where it runs", async () => {
    await startGuest(lab, "oldext");
    await waitForConsole(lab, "oldext", "\\] ack 20$");
    const before = { run: await newestRun(lab, "oldext"), boots: await boots(lab, "oldext"), domid: await domid("oldext") };
    const wish = withReady("oldext", "10.77.0.14", { xvda1: {} }, { strategy: "rsync", throttle: { bandwidth: "512KiB/s" } });
    const run = converge.start("-i", "lab.yml", await converge.playbook("oldext.yml", wish), "--yes");
    await whileRunning(run, waitForEvent(lab, "oldext", before.run, '"event":"step".*pass.copy"', 600));
    await lab.run(["xl", "migrate", "-s", "", "oldext", "exec xl migrate-receive"], { timeoutSeconds: 600 });
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    expect(all).toMatch(/oldext .*domain/);
    expect(await domid("oldext")).not.toBe(before.domid);
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/srv/xen/oldext.img" });
    await expectOnward(lab, "oldext", 10);
    expect(await boots(lab, "oldext"), "it kept its uptime").toBe(before.boots);
    await expectNothingLeft(lab, mapped);
    // what there is of a copy by files is no beginning of the mirror that the next test moves it by
    await stopGuest(lab, "oldext");
  });

  test("a migration that dies with its sender ends with one guest, and it runs", async () => {
    await startGuest(lab, "oldext");
    await waitForConsole(lab, "oldext", "\\] ack 20$");
    const before = await newestRun(lab, "oldext");
    const wish = withReady("oldext", "10.77.0.14", { xvda1: {} }, wayOf("switches/oldext"));
    // it lies in wait on Dom0: a migration may be over before anyone has asked for it over a connection
    await lab.run("systemd-run --quiet --collect --unit=lab-kill-sender sh -c \"until pkill -KILL -f '^[^ ]*/xl migrate -C'; do sleep 0.1; done\"");
    const run = converge.start("-i", "lab.yml", await converge.playbook("oldext.yml", wish), "--yes");
    await whileRunning(run, waitForEvent(lab, "oldext", before, '"kind":"migrate-guest"', 600));
    const { exitCode, all } = await run;
    expect(exitCode, all).not.toBe(0);
    const names = (await lab.run("xl list | awk 'NR > 1 { print $1 }'")).stdout.trim().split("\n").filter((name) => name.startsWith("oldext"));
    expect(names).toEqual(["oldext"]);
    const seen = (await acks(lab, "oldext")).highest + 5;
    await waitForConsole(lab, "oldext", `\\] ack ${String(seen)}$`);
    const again = await converge.run("-i", "lab.yml", "oldext.yml", "--yes");
    expect(again.exitCode, again.all).toBe(0);
    await converge.expectNothingToDo("oldext.yml");
    await stopGuest(lab, "oldext");
    await expectWholeFilesystem(lab, "/dev/vg0/oldext-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/oldext-xvda1", "oldext")).toMatch(/^ok/);
  });
});

/** The guest is suspended onto its name, mirrored, and Dom0 goes down: the order is that of a move's own life. */
describe.runIf(everything)("Dom0 goes down", () => {
  onLab("security", "pv", "suite-reboots");
  const wish = withReady("web1", "10.77.0.11", { xvda1: {} }, wayOf("switches/web1-reboots"));
  const onName = { xvda1: "/dev/mapper/converge-web1-xvda1", xvda2: "/srv/xen/web1/swap.img" };

  async function goesOn(count: number): Promise<void> {
    const { highest } = await acks(lab, "web1");
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + count)}$`);
  }

  async function table(): Promise<string> {
    return (await lab.run(["dmsetup", "table", "converge-web1-xvda1"])).stdout.trim();
  }

  /** Begins a move that does not get done: the mirror is held back. */
  async function beginMirror(): Promise<void> {
    const before = await newestRun(lab, "web1");
    await lab.run("modprobe dm_mirror; echo 1 >/sys/module/dm_mirror/parameters/raid1_resync_throttle");
    const run = converge.start("-i", "lab.yml", await converge.playbook("web1.yml", wish), "--yes");
    // it ends when it cannot reach Dom0 any more, and nobody waits for that
    void run.catch(() => undefined);
    await whileRunning(run, waitForEvent(lab, "web1", before, '"event":"progress","id":"xvda1.sync"', 600));
  }

  test("without warning while the volume is synchronised: the guest comes up on its image, which has everything", async () => {
    await lab.run("ln -sf /etc/xen/web1.cfg /etc/xen/auto/web1.cfg; sync");
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    await beginMirror();
    const { highest } = await acks(lab, "web1");
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 10)}$`);
    const booted = await boots(lab, "web1");
    await lab.powerCut();
    await lab.boot();
    await waitForConsole(lab, "web1", `web1 is up, boot ${String(booted + 1)}`);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/srv/xen/web1/disk.img", xvda2: "/srv/xen/web1/swap.img" });
    await expectNothingLeft(lab);
    await stopGuest(lab, "web1");
    expect(await checkRecords(lab, "/srv/xen/web1/disk.img", "web1", highest + 10)).toMatch(/^ok/);
    await startGuest(lab, "web1");
  });

  test("in order while the volume is synchronised: the guest is saved and restored on its name, on the image", async () => {
    await beginMirror();
    const booted = await boots(lab, "web1");
    await lab.reboot();
    await goesOn(10);
    expect(await boots(lab, "web1"), "it kept its uptime").toBe(booted);
    expect(await attached(lab, "web1")).toEqual(onName);
    expect(await table()).toMatch(/^0 262144 linear 7:\d+ 0$/);
  });

  test("the next run goes on from there without taking the guest over again", async () => {
    const booted = await boots(lab, "web1");
    const run = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect((await journal(lab, "web1")).some((event) => event["event"] === "down"), "no downtime").toBe(false);
    expect(await boots(lab, "web1")).toBe(booted);
  });

  test("in order after the switch: the guest is restored on its name, on the volume", async () => {
    const booted = await boots(lab, "web1");
    await lab.reboot();
    await goesOn(10);
    expect(await boots(lab, "web1"), "it kept its uptime").toBe(booted);
    expect(await attached(lab, "web1")).toEqual(onName);
    const volume = (await lab.run("dmsetup info -c --noheadings --separator : -o major,minor vg0-web1--xvda1")).stdout.trim();
    expect(await table()).toBe(`0 262144 linear ${volume} 0`);
  });

  test("without warning after the switch: the guest comes up on its volume, which has everything", async () => {
    const { highest } = await acks(lab, "web1");
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 10)}$`);
    const booted = await boots(lab, "web1");
    await lab.powerCut();
    await lab.boot();
    await waitForConsole(lab, "web1", `web1 is up, boot ${String(booted + 1)}`);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/vg0/web1-xvda1", xvda2: "/srv/xen/web1/swap.img" });
    await expectNothingLeft(lab);
    await stopGuest(lab, "web1");
    await expectWholeFilesystem(lab, "/dev/vg0/web1-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1", highest + 10)).toMatch(/^ok/);
  });
});
