import { afterAll, beforeAll, describe, test } from "vitest";
import type { Lab, Hypervisor } from "../lab.js";
import { makePvh } from "../lab-guests.js";
import { wayOf } from "./covered.js";
import { withoutHoles } from "./in-the-mirror.js";
import { MovedGuests, servedByQemu } from "./moved-guests.js";
import { everything } from "./parts.js";

/**
 * Pairs of strategy, switch-over, kind of guest, build and file system that the other files leave out: no fault is caused here, and
 * a guest is moved, looked at, and taken down. One boot serves all moves of a block, a guest each.
 */

let guests: MovedGuests;
let lab: Lab;

function onLab(hypervisor: Hypervisor, cpu: "pv" | "svm"): void {
  beforeAll(async () => {
    guests = await MovedGuests.at(hypervisor, cpu);
    ({ lab } = guests);
  }, 1_200_000);
  afterAll(async () => {
    await guests.down();
  });
}

describe.runIf(everything)("on the build with shadow paging, PVH guests above all", () => {
  onLab("main", "svm");

  test("by files, in a restart", async () => {
    await makePvh(lab, "web1");
    await guests.begin("web1");
    await guests.move({ guest: "web1", address: "10.77.0.11", disks: ["xvda1", "xvda2"], way: wayOf("pairs/web1"), restarts: 1 });
  });

  test("by DRBD, migrated", async () => {
    await makePvh(lab, "oldext");
    await lab.run(withoutHoles("oldext.img"));
    await guests.begin("oldext");
    await guests.move({
      guest: "oldext", address: "10.77.0.14", disks: ["xvda1"], way: wayOf("pairs/oldext"), device: "/dev/drbd/converge-oldext-xvda1", restarts: 0,
    });
  });

  test("xfs by DRBD, suspended", async () => {
    await makePvh(lab, "xfs1");
    await lab.run(withoutHoles("xfs1.img"));
    await guests.begin("xfs1");
    await guests.move({ guest: "xfs1", address: "10.77.0.15", disks: ["xvda1"], way: wayOf("pairs/xfs1"), device: "/dev/drbd/converge-xfs1-xvda1", restarts: 0 });
  });

  test("a PV guest by md and blocks copied beforehand, migrated", async () => {
    await lab.run(withoutHoles("late1.img"));
    await guests.begin("late1");
    await guests.move({
      guest: "late1", address: "10.77.0.12", disks: ["xvda1"], way: wayOf("pairs/late1"), device: "/dev/md/converge-late1-xvda1", restarts: 0,
    });
  });

  test("by md, migrated", async () => {
    await makePvh(lab, "stubborn1");
    await lab.run(withoutHoles("stubborn1.img"));
    await guests.begin("stubborn1");
    await guests.move({
      guest: "stubborn1", address: "10.77.0.18", disks: ["xvda1"], way: wayOf("pairs/stubborn1"), device: "/dev/md/converge-stubborn1-xvda1", restarts: 0,
    });
  });

  test("a whole disk with partitions by QEMU", async () => {
    await makePvh(lab, "whole1");
    await servedByQemu(lab, "whole1", "/srv/xen/whole1.img", "xvda");
    await guests.begin("whole1");
    await guests.move({ guest: "whole1", address: "10.77.0.17", disks: ["xvda"], way: wayOf("pairs/whole1"), restarts: 0 });
  });

  test("by dm, while it is down", async () => {
    await makePvh(lab, "hard1");
    await guests.moveAtRest({ guest: "hard1", address: "10.77.0.16", disks: ["xvda1"], way: wayOf("pairs/hard1") });
  });

  // last: in a Dom0 that is slow, libxl ends its own hotplug scripts after ten seconds, and a guest that reboots itself stays down (seen)
  test("by md and blocks copied beforehand, once it has rebooted itself", async () => {
    await makePvh(lab, "old3");
    await lab.run(withoutHoles("old/old3-root.img"));
    await guests.begin("old3");
    await guests.move({
      guest: "old3", address: "10.77.0.13", disks: ["xvda1"], way: wayOf("pairs/old3"), device: "/dev/md/converge-old3-xvda1", restarts: 1,
    });
  });

  test("and the volumes have everything once Dom0 has rebooted, and the devices are gone", async () => {
    await guests.expectAllThereAfterReboot();
  });
});

describe.runIf(everything)("on the newest build, with PV guests", () => {
  onLab("security", "pv");

  test("by md, while the guest is down", async () => {
    await lab.run(withoutHoles("web1/disk.img", "web1/swap.img"));
    await guests.moveAtRest({ guest: "web1", address: "10.77.0.11", disks: ["xvda1", "xvda2"], way: wayOf("pairs/web1-down") });
  });

  test("by md and blocks copied beforehand, while the guest is down", async () => {
    await lab.run(withoutHoles("oldext.img"));
    await guests.moveAtRest({ guest: "oldext", address: "10.77.0.14", disks: ["xvda1"], way: wayOf("pairs/oldext-down") });
  });

  test("by DRBD, while the guest is down", async () => {
    await lab.run(withoutHoles("whole1.img"));
    await guests.moveAtRest({ guest: "whole1", address: "10.77.0.17", disks: ["xvda"], way: wayOf("pairs/whole1-down") });
  });

  test("ext3 by QEMU", async () => {
    await servedByQemu(lab, "old3", "/srv/xen/old/old3-root.img", "xvda1");
    await guests.begin("old3");
    await guests.move({ guest: "old3", address: "10.77.0.13", disks: ["xvda1"], way: wayOf("pairs/old3-qemu"), restarts: 0 });
  });

  test("xfs by QEMU", async () => {
    await servedByQemu(lab, "xfs1", "/srv/xen/xfs1.img", "xvda1");
    await guests.begin("xfs1");
    await guests.move({ guest: "xfs1", address: "10.77.0.15", disks: ["xvda1"], way: wayOf("pairs/xfs1-qemu"), restarts: 0 });
  });

  test("by dm, in two suspensions", async () => {
    await guests.begin("late1");
    await guests.move({ guest: "late1", address: "10.77.0.12", disks: ["xvda1"], way: wayOf("pairs/late1-now"), restarts: 0 });
  });

  test("by md, once the guest has rebooted itself", async () => {
    await lab.run(withoutHoles("stubborn1.img"));
    await guests.begin("stubborn1");
    await guests.move({
      guest: "stubborn1", address: "10.77.0.18", disks: ["xvda1"], way: wayOf("pairs/stubborn1-reboot"), device: "/dev/md/converge-stubborn1-xvda1", restarts: 1,
    });
  });

  test("by DRBD, once the guest has rebooted itself", async () => {
    await lab.run("cd '/srv/xen/hard guest' && fallocate --length \"$(stat -c %s 'hard1 root.img')\" 'hard1 root.img'");
    await guests.begin("hard1");
    await guests.move({
      guest: "hard1", address: "10.77.0.16", disks: ["xvda1"], way: wayOf("pairs/hard1-reboot"), device: "/dev/drbd/converge-hard1-xvda1", restarts: 1,
    });
  });

  test("and the volumes have everything once Dom0 has rebooted, and the devices are gone", async () => {
    await guests.expectAllThereAfterReboot();
  });
});
