import { describe, expect, test } from "vitest";
import type { Lab } from "../lab.js";
import { boots, checkRecords, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import type { Converge } from "./converge.js";
import { readyOn } from "./converge.js";
import { attached, cutPower, expectNothingLeft, expectOnward, expectWholeFilesystem, newestRun, waitForEvent, whileRunning } from "./on-host.js";

/** A mirror, and the device that is the guest's disk meanwhile. */
export interface KeptDevice {
  readonly strategy: "dm" | "md" | "md-preseed" | "drbd";
  /** The words after the disk in the ids of steps that copy most of it, as a pattern; unset: `sync`. */
  readonly copies?: string;
  /** As xenstore names it for stubborn1's disk. */
  readonly device: string;
  /** It lies on the image alone, and that is whole. */
  readonly expectOnImage: () => Promise<void>;
  /** There is none of converge's. */
  readonly expectNone: () => Promise<void>;
}

/** Fills the holes of images under /srv/xen: md and DRBD take none that has any. A command for a shell. */
export function withoutHoles(...images: readonly string[]): string {
  return `cd /srv/xen && for image in ${images.join(" ")}; do fallocate --length "$(stat -c %s $image)" $image; done`;
}

/** The guest of these tests, on its way by such a mirror. */
export function stubborn(strategy: KeptDevice["strategy"], move: Readonly<Record<string, unknown>>) {
  return readyOn("stubborn1", "10.77.0.18", ["xvda1"], { strategy, switch: "suspend", ...move });
}

/**
 * The guest is where its playbook wants it: the second run finds nothing to do, and at rest its volume is whole, with every
 * record that was acknowledged.
 * @param check of its file system; unset: e2fsck
 */
export async function expectMoved(
  { lab, converge }: { readonly lab: Lab; readonly converge: Converge }, guest: string, playbook: string, check?: readonly string[],
): Promise<void> {
  await converge.expectNothingToDo(playbook);
  await stopGuest(lab, guest);
  const volume = `/dev/vg0/${guest}-xvda1`;
  await expectWholeFilesystem(lab, volume, check);
  expect(await checkRecords(lab, volume, guest)).toMatch(/^ok/);
}

/** What happens in mid-mirror, one test after the other: volume errors, a kill, the guest's own reboot, an orderly one of Dom0, a power cut; the guest is left on its image. */
export function describeInTheMirror(of: () => { readonly lab: Lab; readonly converge: Converge }, kept: KeptDevice): void {
  // slow enough to be caught in the middle
  const SLOW = stubborn(kept.strategy, { throttle: { bandwidth: "1MiB/s" } });

  async function inTheMiddle() {
    const { lab, converge } = of();
    const before = await newestRun(lab, "stubborn1");
    const run = converge.start("-i", "lab.yml", await converge.playbook("stubborn1.yml", SLOW), "--yes");
    await waitForEvent(lab, "stubborn1", before, `"event":"progress","id":"xvda1\\.(${kept.copies ?? "sync"})","bytes":[1-9]`, 600);
    // not the process itself: it would be waited for
    return { lab, run };
  }

  async function expectRunsOn(where: string): Promise<void> {
    const { lab } = of();
    await expectOnward(lab, "stubborn1", 5);
    await kept.expectOnImage();
    expect((await lab.run(["grep", "-c", "stubborn1.img", "/etc/xen/stubborn1.cfg"])).stdout.trim(), where).not.toBe("0");
  }

  describe("in the mirror", () => {
    test("a volume that gives errors is dropped, and the guest runs on, on its image", async () => {
      await startGuest(of().lab, "stubborn1");
      await waitForConsole(of().lab, "stubborn1", "\\] ack 10$");
      const { lab, run } = await inTheMiddle();
      await lab.run("dmsetup reload vg0-stubborn1--xvda1 --table \"0 $(blockdev --getsz /dev/vg0/stubborn1-xvda1) error\"; dmsetup resume --noflush vg0-stubborn1--xvda1");
      const { exitCode, all } = await run;
      expect(exitCode, all).toBe(3);
      expect(all).toContain("the volume gives errors");
      await expectRunsOn("a dead volume");
      await lab.run("lvchange --refresh vg0/stubborn1-xvda1");
    });

    test("a program that is killed leaves the guest on its image", async () => {
      const { lab, run } = await inTheMiddle();
      await lab.run("systemctl kill --signal=KILL converge-stubborn1.service");
      const { exitCode, all } = await run;
      expect(exitCode, all).toBe(3);
      await expectRunsOn("a killed program");
    });

    test("a guest that reboots itself comes up on the device, and the mirror goes on", async () => {
      const { lab, run } = await inTheMiddle();
      const booted = await boots(lab, "stubborn1");
      await runInGuest(lab, "10.77.0.18", "reboot");
      await waitForConsole(lab, "stubborn1", `stubborn1 is up, boot ${String(booted + 1)}`);
      expect(await attached(lab, "stubborn1")).toEqual({ xvda1: kept.device });
      await whileRunning(run, waitForEvent(lab, "stubborn1", "", "stubborn1 has been started anew meanwhile, on its mirrors", 600));
      await expectOnward(lab, "stubborn1", 5);
      await lab.run("systemctl kill --signal=KILL converge-stubborn1.service");
      const { exitCode, all } = await run;
      expect(exitCode, all).toBe(3);
      await expectRunsOn("its own reboot");
    });

    test("Dom0 reboots in order: the guest is restored on the device, on its image, and the next run goes on from there", async () => {
      const { lab, run } = await inTheMiddle();
      // it ends when it cannot reach Dom0 any more, and nobody waits for that
      void run.catch(() => undefined);
      const booted = await boots(lab, "stubborn1");
      await lab.reboot();
      await expectRunsOn("an orderly reboot");
      expect(await boots(lab, "stubborn1"), "it kept its uptime").toBe(booted);
      expect(await attached(lab, "stubborn1")).toEqual({ xvda1: kept.device });
    });

    test("a power cut of Dom0 brings the guest back on its image, and nothing of the mirror is left", async () => {
      const { lab, run } = await inTheMiddle();
      const booted = await boots(lab, "stubborn1");
      await lab.run("ln -sf /etc/xen/stubborn1.cfg /etc/xen/auto/; sync");
      await cutPower(lab, run);
      await waitForConsole(lab, "stubborn1", `stubborn1 is up, boot ${String(booted + 1)}`);
      expect(await attached(lab, "stubborn1")).toEqual({ xvda1: "/srv/xen/stubborn1.img" });
      await lab.run("rm -f /etc/xen/auto/*");
      await kept.expectNone();
      await expectNothingLeft(lab);
    });
  });
}
