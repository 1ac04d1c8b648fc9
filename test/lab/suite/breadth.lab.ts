import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { checkLate, checkRecords, hardFiles, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { attached, expectNothingLeft, journal, waitForEvent, whileRunning } from "./on-host.js";
import { everything } from "./parts.js";

/** What a playbook may ask for besides the plain move of one guest, on a real Dom0. */

describe.runIf(everything)("in breadth", () => {
  let lab: Lab;
  let converge: Converge;

  beforeAll(async () => {
    lab = await Lab.up({ name: "suite-breadth" });
    converge = await Converge.at(lab);
    await lab.run("rm -f /etc/xen/auto/*");
  });

  afterAll(async () => {
    await converge.remove();
    await lab.down();
  });

  /** Every acknowledged record is on the stopped guest's disk, and so is a whole file system. */
  async function expectWhole(guest: string, disk: string): Promise<void> {
    expect(await checkRecords(lab, disk, guest)).toMatch(/^ok/);
    await lab.run(["e2fsck", "-f", "-n", disk]);
  }

  test("a last pass that takes more than three times its forecast brings the guest back on its image", async () => {
    // converge's unit finds this rsync first; only the last pass reads a source that is mounted read-only
    await lab.run(["sh", "-c", `cat >/usr/local/bin/rsync <<'SCRIPT'
#!/bin/sh
for word do case $word in */source/) source=\${word%/} ;; esac; done
case $(findmnt --noheadings --output OPTIONS "$source") in ro | ro,*) sleep 600 ;; esac
exec /usr/bin/rsync "$@"
SCRIPT
chmod 755 /usr/local/bin/rsync`]);
    await startGuest(lab, "oldext");
    const oldext = onVolumes("oldext", { xvda1: {} }, { strategy: "rsync" });
    Object.assign(oldext["oldext"] as object, { ready: { command: ["/usr/local/lib/lab/guest-sh", "10.77.0.14", "true"], timeout: "300s" } });
    const run = await converge.run("-i", "lab.yml", await converge.playbook("oldext.yml", oldext), "--yes");
    await lab.run("rm /usr/local/bin/rsync");
    expect(run.exitCode, run.all).toBe(3);
    expect(run.all).toContain("three times its forecast");
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/srv/xen/oldext.img" });
    const events = await journal(lab, "oldext");
    expect(events.some(({ event }) => event === "down"), "it was down").toBe(true);
    expect(events.at(-1)).toMatchObject({ event: "end", outcome: "failed" });
    await expectNothingLeft(lab);
  });

  test("a network card that was plugged in while the guest ran: no move without a restart takes it away, and one with a restart says so", async () => {
    const cards = async (): Promise<number> => Number((await lab.run("xl network-list oldext | tail -n +2 | wc -l")).stdout);
    const had = await cards();
    const look = async (move: Parameters<typeof onVolumes>[2]) => {
      const oldext = onVolumes("oldext", { xvda1: {} }, move);
      Object.assign(oldext["oldext"] as object, { ready: { command: ["/usr/local/lib/lab/guest-sh", "10.77.0.14", "true"], timeout: "300s" } });
      return converge.run("--check", "-i", "lab.yml", await converge.playbook("card.yml", oldext));
    };
    await lab.run("xl network-attach oldext bridge=xenbr0");
    expect(await cards()).toBe(had + 1);
    const suspended = await look({ strategy: "dm", switch: "suspend" });
    expect(suspended.exitCode, suspended.all).toBe(5);
    expect(suspended.all).toContain("stored-config-differs");
    const restarted = await look({ strategy: "rsync" });
    expect(restarted.exitCode, restarted.all).toBe(0);
    expect(restarted.all).toMatch(/plugged-in-since[^]*network cards? in the config, \d in the guest/);
    await lab.run("xl network-detach oldext 1");
    const plain = await look({ strategy: "dm", switch: "suspend" });
    expect(plain.exitCode, plain.all).toBe(0);
    expect(plain.all).not.toContain("stored-config-differs");
  });

  test("several guests of a glob are moved one after the other, compared in full, and one is ready by a command", async () => {
    await startGuest(lab, "old3");
    const run = await converge.run("-i", "lab.yml", await converge.playbook("old.yml", {
      "old*": {
        disks: { xvda1: { volume: "vg0/{{ domain }}-{{ vdev }}" } },
        move: { downtime: "900s", shutdown: { timeout: "300s" }, snapshot: { size: "10%" }, ...wayOf("breadth/old"), verify: "full" },
      },
      old3: { ready: { tcp: 22, address: "10.77.0.13", timeout: "300s" } },
      oldext: { ready: { command: ["/usr/local/lib/lab/guest-sh", "10.77.0.14", "true"], timeout: "300s" } },
    }), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(run.all).toMatch(/old3 on dom0: done[^]*oldext on dom0: done/);
    expect(await attached(lab, "old3")).toMatchObject({ xvda1: "/dev/vg0/old3-xvda1" });
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/dev/vg0/oldext-xvda1" });
    expect(run.all, "the last pass reads every file").toContain("comparing every file");
    await stopGuest(lab, "old3");
    await stopGuest(lab, "oldext");
    await expectWhole("oldext", "/dev/vg0/oldext-xvda1");
    await expectNothingLeft(lab);
  });

  test("hard files of a guest that runs arrive as they were: links, holes, attributes, devices and odd names", async () => {
    await startGuest(lab, "hard1");
    await runInGuest(lab, "10.77.0.16", "mkdir -p /srv/goes/with /srv/moves && dd if=/dev/urandom of=/srv/goes/with/it bs=65536 count=16 && echo 1 >/srv/moves/file && sync");
    // slow enough for the guest to do something between the first pass and the last
    const hard1 = readyOn("hard1", "10.77.0.16", ["xvda1"], { ...wayOf("breadth/hard1"), throttle: { bandwidth: "1MiB/s" } });
    const run = converge.start("-i", "lab.yml", await converge.playbook("hard1.yml", hard1), "--yes");
    await whileRunning(run, waitForEvent(lab, "hard1", "", '"event":"step".*pass.unmount-source', 600));
    await runInGuest(lab, "10.77.0.16", "rm -r /srv/goes && mv /srv/moves /srv/stays && sync");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(0);
    expect(await attached(lab, "hard1")).toEqual({ xvda1: "/dev/vg0/hard1-xvda1" });
    await stopGuest(lab, "hard1");
    const source = await hardFiles(lab, "/srv/xen/hard guest/hard1 root.img");
    expect(source.filter((line) => /\b(goes|moves)\b/.test(line)), "what the guest did is on its image").toEqual([]);
    expect(source.some((line) => line.includes("stays/file"))).toBe(true);
    expect(await hardFiles(lab, "/dev/vg0/hard1-xvda1")).toEqual(source);
    await expectNothingLeft(lab);
  });

  test("a guest that somebody destroys while it is asked to shut down has on its volume what it had flushed", async () => {
    // converge's unit finds this xl first
    await lab.run(["sh", "-c", `cat >/usr/local/bin/xl <<'SCRIPT'
#!/bin/sh
case $1 in shutdown) exec /usr/sbin/xl destroy late1 ;; esac
exec /usr/sbin/xl "$@"
SCRIPT
chmod 755 /usr/local/bin/xl`]);
    await startGuest(lab, "late1");
    await waitForConsole(lab, "late1", "written gen 2");
    const late1 = readyOn("late1", "10.77.0.12", ["xvda1"], wayOf("breadth/late1"));
    const run = await converge.run("-i", "lab.yml", await converge.playbook("late1.yml", late1), "--yes");
    await lab.run("rm /usr/local/bin/xl");
    expect(run.exitCode, run.all).toBe(0);
    const notes = (await journal(lab, "late1")).filter(({ event }) => event === "note").map((event) => JSON.stringify(event)).join("\n");
    expect(notes).toContain("late1 was destroyed by somebody before it had shut down: every file is compared");
    expect(await attached(lab, "late1")).toEqual({ xvda1: "/dev/vg0/late1-xvda1" });
    await stopGuest(lab, "late1");
    expect(await checkLate(lab, "/dev/vg0/late1-xvda1", "late1")).toMatch(/^ok/);
    await expectNothingLeft(lab);
  });

  test("an image on a thin volume that is nearly all there is copied from a thin snapshot", async () => {
    // its snapshot is said to be all there from its first moment: that is no overflow
    await lab.run(["sh", "-ec", `
      lvcreate -qq -y -L 200M --thinpool pool vg1
      lvcreate -qq -y -V 100M --thin -n thin vg1/pool
      mke2fs -q -t ext4 /dev/vg1/thin
      mkdir -p /srv/thin
      mount /dev/vg1/thin /srv/thin
      cp --sparse=never /srv/xen/stubborn1.img /srv/thin/stubborn1.img
      sed -i s,/srv/xen/stubborn1.img,/srv/thin/stubborn1.img, /etc/xen/stubborn1.cfg
      sync -f /srv/thin`]);
    await startGuest(lab, "stubborn1");
    await waitForConsole(lab, "stubborn1", "\\] ack 20$");
    const stubborn1 = onVolumes("stubborn1", { xvda1: {} }, { ...wayOf("breadth/stubborn1"), shutdown: { timeout: "5s", destroy: true } });
    Object.assign(stubborn1["stubborn1"] as object, { ready: { tcp: 22, address: "10.77.0.18", timeout: "300s" } });
    const run = await converge.run("-i", "lab.yml", await converge.playbook("thin.yml", stubborn1), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect(run.all).toContain("thin");
    expect(await attached(lab, "stubborn1")).toEqual({ xvda1: "/dev/vg0/stubborn1-xvda1" });
    await lab.run(["xl", "destroy", "stubborn1"]);
    expect(await checkRecords(lab, "/dev/vg0/stubborn1-xvda1", "stubborn1")).toMatch(/^ok/);
    await expectNothingLeft(lab);
    await lab.run("umount /srv/thin && lvremove -qq -y vg1");
  });
});
