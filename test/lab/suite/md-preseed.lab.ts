import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkRecords, firstSinceStart, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { describeInTheMirror, expectMoved, stubborn, withoutHoles } from "./in-the-mirror.js";
import { attached, cutPower, expectNothingLeft, expectOnward, expectWholeFilesystem, journal, newestRun, waitForEvent } from "./on-host.js";
import { everything, inPart } from "./parts.js";

/**
 * Guests that write all the while are copied beforehand, and only what they wrote meanwhile is mirrored by md, on a real Xen
 * Dom0. The order matters: one boot serves all, and a test may find what the ones before have left.
 */

const MIB = 1024 ** 2;

let lab: Lab;
let converge: Converge;

/** Arrays of converge's own, the members of each with what md says of them, and where its bitmap is. */
async function arrays(): Promise<string> {
  const script = `
    for link in /dev/md/converge*; do
      [ -e "$link" ] || continue
      md=/sys/block/$(basename "$(readlink "$link")")/md
      printf '%s bitmap=%s' "\${link##*/}" "$(cat "$md/bitmap/location")"
      for member in "$md"/dev-*; do printf ' %s=%s' "\${member##*/dev-}" "$(cat "$member/state")"; done
      echo
    done`;
  return (await lab.run(["sh", "-c", script])).stdout.trim();
}

async function expectNoArray(): Promise<void> {
  await lab.run(["sh", "-c", 'tries=40; while grep -q "^md" /proc/mdstat; do tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 1; done']);
  expect(await arrays()).toBe("");
  expect((await lab.run("find /var/lib/converge -name '*.bitmap' -o -name '*.copied' -o -name trial")).stdout).toBe("");
}

/** What was written while the blocks of each disk were copied, of how much. */
async function deltas(guest: string): Promise<readonly { readonly bytes: number; readonly of: number }[]> {
  const events = await journal(lab, guest);
  return events.filter(({ event }) => event === "delta").map(({ bytes, of }) => ({ bytes: Number(bytes), of: Number(of) }));
}

function wish(guest: string, address: string, disks: readonly string[], move: Readonly<Record<string, unknown>>) {
  return readyOn(guest, address, disks, { strategy: "md-preseed", ...move });
}

describe("with blocks copied beforehand", () => {
  beforeAll(async () => {
    lab = await Lab.up({ name: "suite-md-preseed" });
    converge = await Converge.at(lab);
    await lab.run("rm -f /etc/xen/auto/*");
    await lab.run(withoutHoles("xfs1.img", "web1/disk.img", "web1/swap.img", "stubborn1.img"));
  });

  afterAll(async () => {
    await converge.remove();
    await lab.down();
  });

  describe.runIf(everything)("a guest whose run is killed in mid-copy", () => {
    const XFS1 = wish("xfs1", "10.77.0.15", ["xvda1"], { ...wayOf("md-preseed/xfs1"), verify: "full", throttle: { bandwidth: "12MiB/s", nice: 10, ionice: "idle" } });
    let booted = 0;

    test("runs on, on its image, and its array notes what it writes", async () => {
      await startGuest(lab, "xfs1");
      await waitForConsole(lab, "xfs1", "\\] ack 20$");
      booted = await boots(lab, "xfs1");
      const before = await newestRun(lab, "xfs1");
      const run = converge.start("-i", "lab.yml", await converge.playbook("xfs1.yml", XFS1), "--yes");
      // far enough that what is gone on with can be told from what is begun anew
      await waitForEvent(lab, "xfs1", before, '"event":"progress","id":"xvda1\\.preseed".*"percent":[2-9][0-9]', 600);
      await lab.run("systemctl kill --signal=KILL converge-xfs1.service");
      const { exitCode, all } = await run;
      expect(exitCode, all).toBe(3);
      await expectOnward(lab, "xfs1", 5);
      expect(await arrays()).toMatch(/^converge-xfs1-xvda1 bitmap=file loop\d+=in_sync$/);
      expect((await lab.run(["grep", "-c", "xfs1.img", "/etc/xen/xfs1.cfg"])).stdout.trim()).not.toBe("0");
    });

    test("is moved by the next run, which goes on with the copy, mirrors the little that was written, and finds both equal", async () => {
      const run = await converge.run("-i", "lab.yml", "xfs1.yml", "--yes");
      expect(run.exitCode, run.all).toBe(0);
      const [, behind = "0"] = /the copy goes on behind (\d+) MiB/.exec(run.all) ?? [];
      expect(Number(behind), run.all).toBeGreaterThanOrEqual(20);
      const [delta = { bytes: 0, of: 0 }] = await deltas("xfs1");
      expect(delta.of).toBe(300 * MIB);
      expect(delta.bytes, "the guest wrote meanwhile").toBeGreaterThan(0);
      expect(delta.bytes, "far less than all").toBeLessThan(30 * MIB);
      expect(run.all).toMatch(/compared at rest in [0-9.]+ s, are equal/);
      expect(await attached(lab, "xfs1")).toEqual({ xvda1: "/dev/vg0/xfs1-xvda1" });
      await expectOnward(lab, "xfs1", 10);
      expect(await boots(lab, "xfs1"), "it was not restarted").toBe(booted);
      await expectNoArray();
      await expectNothingLeft(lab);
    });

    test("has lost nothing, and there is nothing left to do", async () => {
      await expectMoved({ lab, converge }, "xfs1", "xfs1.yml", ["xfs_repair", "-n"]);
    });
  });

  test.runIf(inPart(3))("a guest with two disks is restarted once, and stays on arrays without bitmaps, on its volumes alone", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    const booted = await boots(lab, "web1");
    const web1 = wish("web1", "10.77.0.11", ["xvda1", "xvda2"], wayOf("md-preseed/web1"));
    const run = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", web1), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(await boots(lab, "web1"), "one restart").toBe(booted + 1);
    expect(await arrays()).toMatch(/^converge-web1-xvda1 bitmap=none dm-\d+=in_sync\nconverge-web1-xvda2 bitmap=none dm-\d+=in_sync$/);
    const changed = await deltas("web1");
    expect(changed).toHaveLength(2);
    for (const { bytes, of } of changed) expect(bytes).toBeLessThan(of / 4);
    await converge.expectNothingToDo("web1.yml");
    await stopGuest(lab, "web1");
    await expectNoArray();
    await expectWholeFilesystem(lab, "/dev/vg0/web1-xvda1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok records=\d+ acked=\d+$/);
  });

  if (everything) {
    describeInTheMirror(() => ({ lab, converge }), {
      strategy: "md-preseed", device: "/dev/md/converge-stubborn1-xvda1", copies: "preseed|sync",
      expectOnImage: async () => { expect(await arrays()).toMatch(/^converge-stubborn1-xvda1 bitmap=(file|none) loop\d+=in_sync$/); },
      expectNone: async () => { expect(await arrays()).toBe(""); },
    });
  }

  test.runIf(everything)("a power cut in mid-copy brings the guest back on its image, its bitmap is void, and the next run moves it with every record", async () => {
    const before = await newestRun(lab, "stubborn1");
    const slow = stubborn("md-preseed", { throttle: { bandwidth: "1MiB/s" } });
    const run = converge.start("-i", "lab.yml", await converge.playbook("stubborn1.yml", slow), "--yes");
    await waitForEvent(lab, "stubborn1", before, '"event":"progress","id":"xvda1\\.preseed","bytes":[1-9]', 600);
    const booted = await boots(lab, "stubborn1");
    await lab.run("ln -sf /etc/xen/stubborn1.cfg /etc/xen/auto/; sync");
    const { highest } = await acks(lab, "stubborn1");
    await cutPower(lab, run);
    await waitForConsole(lab, "stubborn1", `stubborn1 is up, boot ${String(booted + 1)}`);
    expect(await attached(lab, "stubborn1")).toEqual({ xvda1: "/srv/xen/stubborn1.img" });
    await waitForConsole(lab, "stubborn1", `\\] ack ${String(highest + 5)}$`);
    expect(await firstSinceStart(lab, "stubborn1"), "it goes on behind what it was told is safe").toBeGreaterThan(highest);
    await lab.run("rm -f /etc/xen/auto/*");
    await expectNoArray();
    await expectNothingLeft(lab);

    const fast = stubborn("md-preseed", { ...wayOf("md-preseed/stubborn1"), verify: "full" });
    const again = await converge.run("-i", "lab.yml", await converge.playbook("stubborn1.yml", fast), "--yes");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all, "nothing of what was copied before counts").not.toContain("the copy goes on");
    await lab.run(["xl", "destroy", "stubborn1"]);
    await lab.run(["/usr/local/lib/lab/wait-gone", "stubborn1", "60"]);
    await expectNoArray();
    expect(await checkRecords(lab, "/dev/vg0/stubborn1-xvda1", "stubborn1", highest)).toMatch(/^ok/);
  });
});
