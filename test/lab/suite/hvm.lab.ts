import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lab, Hypervisor } from "../lab.js";
import { makeHvm, withoutDrivers } from "../lab-guests.js";
import { wayOf } from "./covered.js";
import { withoutHoles } from "./in-the-mirror.js";
import { MovedGuests, servedByQemu } from "./moved-guests.js";
import { everything } from "./parts.js";

/**
 * HVM guests, by each strategy and switch-over: their QEMU has their disks open until their own drivers take over, and again, in
 * a new one, after each suspension.
 */

let guests: MovedGuests;
let lab: Lab;

function onLab(hypervisor: Hypervisor): void {
  beforeAll(async () => {
    guests = await MovedGuests.at(hypervisor, "svm", "suite-hvm");
    ({ lab } = guests);
  }, 1_200_000);
  afterAll(async () => {
    await guests.down();
  });
}

describe.runIf(everything)("HVM guests", () => {
  onLab("main");

  test("a whole disk with partitions by QEMU", async () => {
    await makeHvm(lab, "whole1");
    await servedByQemu(lab, "whole1", "/srv/xen/whole1.img", "xvda");
    await guests.begin("whole1");
    await guests.move({ guest: "whole1", address: "10.77.0.17", disks: ["xvda"], way: wayOf("hvm/whole1"), restarts: 0 });
  });

  test("by DRBD, migrated", async () => {
    await makeHvm(lab, "oldext");
    await lab.run(withoutHoles("oldext.img"));
    await guests.begin("oldext");
    await guests.move({
      guest: "oldext", address: "10.77.0.14", disks: ["xvda1"], way: wayOf("hvm/oldext"), device: "/dev/drbd/converge-oldext-xvda1", restarts: 0,
    });
  });

  test("by md, suspended", async () => {
    await makeHvm(lab, "stubborn1");
    await lab.run(withoutHoles("stubborn1.img"));
    await guests.begin("stubborn1");
    await guests.move({
      guest: "stubborn1", address: "10.77.0.18", disks: ["xvda1"], way: wayOf("hvm/stubborn1"), device: "/dev/md/converge-stubborn1-xvda1", restarts: 0,
    });
  });

  test("by files, in a restart", async () => {
    await makeHvm(lab, "xfs1");
    await guests.begin("xfs1");
    await guests.move({ guest: "xfs1", address: "10.77.0.15", disks: ["xvda1"], way: wayOf("hvm/xfs1"), restarts: 1 });
  });

  test("by dm, while it is down", async () => {
    await makeHvm(lab, "hard1");
    await guests.moveAtRest({ guest: "hard1", address: "10.77.0.16", disks: ["xvda1"], way: wayOf("hvm/hard1") });
  });

  test("by md and blocks copied beforehand, once it has rebooted itself", async () => {
    await makeHvm(lab, "late1");
    await lab.run(withoutHoles("late1.img"));
    await guests.begin("late1");
    await guests.move({
      guest: "late1", address: "10.77.0.12", disks: ["xvda1"], way: wayOf("hvm/late1"), device: "/dev/md/converge-late1-xvda1", restarts: 1,
    });
  });

  test("and the volumes have everything once Dom0 has rebooted, and the devices are gone", async () => {
    await guests.expectAllThereAfterReboot();
  });
});

describe.runIf(everything)("an HVM guest", () => {
  onLab("security");

  test("without drivers of Xen's is restarted by its power button, and loses nothing on its emulated disk", async () => {
    await makeHvm(lab, "whole1");
    await withoutDrivers(lab, "whole1", "/srv/xen/whole1.img");
    await guests.begin("whole1");
    await guests.move({
      guest: "whole1", address: "10.77.0.17", disks: ["xvda"], way: wayOf("hvm/whole1-no-drivers"), device: "/dev/mapper/converge-whole1-xvda", restarts: 1,
    });
    expect(await lab.consoleLog("whole1")).toContain("power button");
  });

  test("and its volume has everything once Dom0 has rebooted, and the device is gone", async () => {
    await guests.expectAllThereAfterReboot();
  });
});

describe.runIf(everything)("an HVM guest without drivers of Xen's that is not to be restarted", () => {
  onLab("security");

  test("is suspended onto the device and off it again, while its QEMU has its emulated disk open", async () => {
    await makeHvm(lab, "whole1");
    await withoutDrivers(lab, "whole1", "/srv/xen/whole1.img");
    await guests.begin("whole1");
    await guests.move({ guest: "whole1", address: "10.77.0.17", disks: ["xvda"], way: wayOf("hvm/whole1-suspended"), restarts: 0 });
  });
});
