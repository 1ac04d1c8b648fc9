import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import type { Hypervisor } from "../lab.js";
import { acks, boots, checkLate, checkRecords, makePvh, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { withoutHoles } from "./in-the-mirror.js";
import { attached, expectMeasuredDowntime, expectNothingLeft, expectWholeFilesystem } from "./on-host.js";

/**
 * Pairs of strategy, switch-over, kind of guest, build and file system that the other files leave out: no fault is caused here, and
 * a guest is moved, looked at, and taken down. One boot serves all moves of a block, a guest each.
 */

const everything = process.env["LAB_ALL"] === "1";

let lab: Lab;
let converge: Converge;
/** Guests that sat on a device of converge's since Dom0 has booted: their boot units go at the next boot. */
let mapped: string[] = [];
/** Their disks, and the volumes below: held by the device until then, and looked at after it. */
let held: { readonly guest: string; readonly disk: string; readonly volume: string }[] = [];

function onLab(hypervisor: Hypervisor, cpu: "pv" | "svm"): void {
  beforeAll(async () => {
    lab = await Lab.up({ name: `suite-pairs-${hypervisor}`, hypervisor, cpu });
    mapped = [];
    held = [];
    converge = await Converge.at(lab);
    await lab.run("rm -f /etc/xen/auto/*");
    // a guest that is migrated has another name at first, and xenconsoled stays with it: to be one log
    await lab.run("cd /var/log/xen/console && for guest in oldext late1 stubborn1; do ln -sf guest-$guest.log guest-$guest--incoming.log; done");
  }, 1_200_000);
  afterAll(async () => {
    await converge.remove();
    await lab.down();
  });
}

/** The disk of a guest's config is served by QEMU from then on. */
async function servedByQemu(guest: string, image: string, vdev: string): Promise<void> {
  await lab.run(["sed", "-i", `s#['"][^'"]*${image}[^'"]*['"]#'${image},raw,${vdev},rw,backendtype=qdisk'#`, `/etc/xen/${guest}.cfg`]);
}

interface Moved {
  readonly guest: string;
  readonly address: string;
  readonly disks: readonly string[];
  /** What the playbook says of its way. */
  readonly way: Readonly<Record<string, string>>;
  /** That xenstore names for the first disk afterwards; unset: its volume. QEMU's disks have no such name. */
  readonly device?: string;
  /** How often the guest boots for it. */
  readonly restarts: 0 | 1;
}

const IDLE = ["hard1", "old3"];

/** It is up, and has something to lose. */
async function begin(guest: string): Promise<void> {
  await startGuest(lab, guest);
  if (guest === "late1") await waitForConsole(lab, guest, "written gen 2");
  else if (!IDLE.includes(guest)) await waitForConsole(lab, guest, "\\] ack 10$");
}

/** By itself: one of them does not listen to xl. */
async function end(guest: string, address: string): Promise<void> {
  if (guest !== "stubborn1") {
    await stopGuest(lab, guest);
    return;
  }
  await runInGuest(lab, address, "poweroff");
  await lab.run(["/usr/local/lib/lab/wait-gone", guest, "240"], { timeoutSeconds: 300 });
}

/** What is on the volume of a guest that is down, has everything. */
async function expectAllThere(guest: string, disk: string, device: string): Promise<void> {
  if (disk !== "xvda") await expectWholeFilesystem(lab, device, guest === "xfs1" ? ["xfs_repair", "-n"] : undefined);
  if (guest === "late1") expect(await checkLate(lab, device, guest)).toMatch(/^ok/);
  else if (!IDLE.includes(guest)) expect(await checkRecords(lab, disk === "xvda" ? `${device}:1` : device, guest)).toMatch(/^ok/);
}

/** Moves a running guest, and looks at it until it is down on its volume. */
async function move({ guest, address, disks, way, device, restarts }: Moved): Promise<void> {
  const [disk = ""] = disks;
  const volume = `/dev/vg0/${guest}-${disk}`;
  const booted = await boots(lab, guest);
  const { highest } = IDLE.includes(guest) || guest === "late1" ? { highest: 0 } : await acks(lab, guest);
  const playbook = await converge.playbook(`${guest}.yml`, readyOn(guest, address, disks, way));
  if (way["switch"] === "next-reboot") {
    const waits = await converge.run("-i", "lab.yml", playbook, "--yes");
    expect(waits.exitCode, waits.all).toBe(0);
    expect(waits.all).toContain("for the guest's own next reboot");
    await runInGuest(lab, address, "reboot");
    await waitForConsole(lab, guest, `${guest} is up, boot ${String(booted + 1)}`);
  }
  const run = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(run.exitCode, run.all).toBe(0);
  if (device !== undefined) mapped.push(guest);
  expect(await boots(lab, guest), "restarts").toBe(booted + restarts);
  if (way["strategy"] !== "qemu") expect((await attached(lab, guest))[disk]).toBe(device ?? volume);
  if (guest === "late1") await waitForConsole(lab, guest, "written gen 3");
  else if (!IDLE.includes(guest)) await waitForConsole(lab, guest, `\\] ack ${String(highest + 20)}$`);
  // what its own reboot takes is its own
  if (highest > 0 && way["switch"] !== "next-reboot") await expectMeasuredDowntime(lab, guest, highest);
  // a device that the guest is still on has things of its own beside it, DRBD its metadata: the other files look at these
  if (device === undefined) await expectNothingLeft(lab, mapped);
  await converge.expectNothingToDo(playbook);
  await end(guest, address);
  if (device !== undefined) held.push({ guest, disk, volume });
  else await expectAllThere(guest, disk, volume);
}

/** Dom0 reboots, the devices are gone, and the volumes by themselves have everything. */
async function expectAllThereAfterReboot(): Promise<void> {
  expect(held.length).toBeGreaterThan(0);
  await lab.reboot();
  await expectNothingLeft(lab);
  for (const { guest, disk, volume } of held) await expectAllThere(guest, disk, volume);
}

/** Moves a guest that is down; it comes up on its volume, and goes on there. */
async function moveAtRest({ guest, address, disks, way }: Pick<Moved, "guest" | "address" | "disks" | "way">): Promise<void> {
  const [disk = ""] = disks;
  await begin(guest);
  await end(guest, address);
  const playbook = await converge.playbook(`${guest}.yml`, readyOn(guest, address, disks, way));
  const run = await converge.run("-i", "lab.yml", playbook, "--yes");
  expect(run.exitCode, run.all).toBe(0);
  expect((await lab.run(["xl", "list", guest], { mayFail: true })).exitCode, "it stays down").not.toBe(0);
  await expectNothingLeft(lab, mapped);
  await converge.expectNothingToDo(playbook);
  await expectAllThere(guest, disk, `/dev/vg0/${guest}-${disk}`);
  await startGuest(lab, guest);
  expect((await attached(lab, guest))[disk]).toBe(`/dev/vg0/${guest}-${disk}`);
  await end(guest, address);
  await expectAllThere(guest, disk, `/dev/vg0/${guest}-${disk}`);
}

describe.runIf(everything)("on the build with shadow paging, PVH guests above all", () => {
  onLab("main", "svm");

  test("by files, in a restart", async () => {
    await makePvh(lab, "web1");
    await begin("web1");
    await move({ guest: "web1", address: "10.77.0.11", disks: ["xvda1", "xvda2"], way: wayOf("pairs/web1"), restarts: 1 });
  });

  test("by DRBD, migrated", async () => {
    await makePvh(lab, "oldext");
    await lab.run(withoutHoles("oldext.img"));
    await begin("oldext");
    await move({
      guest: "oldext", address: "10.77.0.14", disks: ["xvda1"], way: wayOf("pairs/oldext"), device: "/dev/drbd/converge-oldext-xvda1", restarts: 0,
    });
  });

  test("xfs by DRBD, suspended", async () => {
    await makePvh(lab, "xfs1");
    await lab.run(withoutHoles("xfs1.img"));
    await begin("xfs1");
    await move({ guest: "xfs1", address: "10.77.0.15", disks: ["xvda1"], way: wayOf("pairs/xfs1"), device: "/dev/drbd/converge-xfs1-xvda1", restarts: 0 });
  });

  test("a PV guest by md and blocks copied beforehand, migrated", async () => {
    await lab.run(withoutHoles("late1.img"));
    await begin("late1");
    await move({
      guest: "late1", address: "10.77.0.12", disks: ["xvda1"], way: wayOf("pairs/late1"), device: "/dev/md/converge-late1-xvda1", restarts: 0,
    });
  });

  test("by md, migrated", async () => {
    await makePvh(lab, "stubborn1");
    await lab.run(withoutHoles("stubborn1.img"));
    await begin("stubborn1");
    await move({
      guest: "stubborn1", address: "10.77.0.18", disks: ["xvda1"], way: wayOf("pairs/stubborn1"), device: "/dev/md/converge-stubborn1-xvda1", restarts: 0,
    });
  });

  test("a whole disk with partitions by QEMU", async () => {
    await makePvh(lab, "whole1");
    await servedByQemu("whole1", "/srv/xen/whole1.img", "xvda");
    await begin("whole1");
    await move({ guest: "whole1", address: "10.77.0.17", disks: ["xvda"], way: wayOf("pairs/whole1"), restarts: 0 });
  });

  test("by dm, while it is down", async () => {
    await makePvh(lab, "hard1");
    await moveAtRest({ guest: "hard1", address: "10.77.0.16", disks: ["xvda1"], way: wayOf("pairs/hard1") });
  });

  // last: in a Dom0 that is slow, libxl ends its own hotplug scripts after ten seconds, and a guest that reboots itself stays down (seen)
  test("by md and blocks copied beforehand, once it has rebooted itself", async () => {
    await makePvh(lab, "old3");
    await lab.run(withoutHoles("old/old3-root.img"));
    await begin("old3");
    await move({
      guest: "old3", address: "10.77.0.13", disks: ["xvda1"], way: wayOf("pairs/old3"), device: "/dev/md/converge-old3-xvda1", restarts: 1,
    });
  });

  test("and the volumes have everything once Dom0 has rebooted, and the devices are gone", async () => {
    await expectAllThereAfterReboot();
  });
});

describe.runIf(everything)("on the newest build, with PV guests", () => {
  onLab("security", "pv");

  test("by md, while the guest is down", async () => {
    await lab.run(withoutHoles("web1/disk.img", "web1/swap.img"));
    await moveAtRest({ guest: "web1", address: "10.77.0.11", disks: ["xvda1", "xvda2"], way: wayOf("pairs/web1-down") });
  });

  test("by md and blocks copied beforehand, while the guest is down", async () => {
    await lab.run(withoutHoles("oldext.img"));
    await moveAtRest({ guest: "oldext", address: "10.77.0.14", disks: ["xvda1"], way: wayOf("pairs/oldext-down") });
  });

  test("by DRBD, while the guest is down", async () => {
    await lab.run(withoutHoles("whole1.img"));
    await moveAtRest({ guest: "whole1", address: "10.77.0.17", disks: ["xvda"], way: wayOf("pairs/whole1-down") });
  });

  test("ext3 by QEMU", async () => {
    await servedByQemu("old3", "/srv/xen/old/old3-root.img", "xvda1");
    await begin("old3");
    await move({ guest: "old3", address: "10.77.0.13", disks: ["xvda1"], way: wayOf("pairs/old3-qemu"), restarts: 0 });
  });

  test("xfs by QEMU", async () => {
    await servedByQemu("xfs1", "/srv/xen/xfs1.img", "xvda1");
    await begin("xfs1");
    await move({ guest: "xfs1", address: "10.77.0.15", disks: ["xvda1"], way: wayOf("pairs/xfs1-qemu"), restarts: 0 });
  });

  test("by dm, in two suspensions", async () => {
    await begin("late1");
    await move({ guest: "late1", address: "10.77.0.12", disks: ["xvda1"], way: wayOf("pairs/late1-now"), restarts: 0 });
  });

  test("by md, once the guest has rebooted itself", async () => {
    await lab.run(withoutHoles("stubborn1.img"));
    await begin("stubborn1");
    await move({
      guest: "stubborn1", address: "10.77.0.18", disks: ["xvda1"], way: wayOf("pairs/stubborn1-reboot"), device: "/dev/md/converge-stubborn1-xvda1", restarts: 1,
    });
  });

  test("by DRBD, once the guest has rebooted itself", async () => {
    await lab.run("cd '/srv/xen/hard guest' && fallocate --length \"$(stat -c %s 'hard1 root.img')\" 'hard1 root.img'");
    await begin("hard1");
    await move({
      guest: "hard1", address: "10.77.0.16", disks: ["xvda1"], way: wayOf("pairs/hard1-reboot"), device: "/dev/drbd/converge-hard1-xvda1", restarts: 1,
    });
  });

  test("and the volumes have everything once Dom0 has rebooted, and the devices are gone", async () => {
    await expectAllThereAfterReboot();
  });
});
