import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkLate, checkRecords, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { withoutHoles } from "./in-the-mirror.js";
import { attached, expectOnward, expectWholeFilesystem, whileRunning } from "./on-host.js";
import { everything } from "./parts.js";

/**
 * What may happen between the last MiB of a mirror and the commit, when both legs have everything: the guest reboots itself, Dom0
 * reboots in order, or its power goes. Whatever starts the guest then, on whichever leg, nothing is lost. Several guests halt
 * there at once, so that Dom0 goes down once for all of them.
 */

let lab: Lab;
let converge: Converge;

interface Mirrored {
  readonly guest: "old3" | "hard1" | "web1" | "oldext" | "xfs1" | "stubborn1" | "whole1" | "late1";
  readonly address: string;
  readonly disk: "xvda" | "xvda1";
  readonly image: string;
  readonly device: string;
  readonly way: Readonly<Record<string, string>>;
}

const BY_ITSELF: readonly Mirrored[] = [
  { guest: "old3", address: "10.77.0.13", disk: "xvda1", image: "/srv/xen/old/old3-root.img", device: "/dev/mapper/converge-old3-xvda1", way: wayOf("in-sync/old3") },
  { guest: "hard1", address: "10.77.0.16", disk: "xvda1", image: "/srv/xen/hard guest/hard1 root.img", device: "/dev/md/converge-hard1-xvda1", way: wayOf("in-sync/hard1") },
];
const IN_ORDER: readonly Mirrored[] = [
  { guest: "web1", address: "10.77.0.11", disk: "xvda1", image: "/srv/xen/web1/disk.img", device: "/dev/mapper/converge-web1-xvda1", way: wayOf("in-sync/web1") },
  { guest: "oldext", address: "10.77.0.14", disk: "xvda1", image: "/srv/xen/oldext.img", device: "/dev/md/converge-oldext-xvda1", way: wayOf("in-sync/oldext") },
  { guest: "xfs1", address: "10.77.0.15", disk: "xvda1", image: "/srv/xen/xfs1.img", device: "/dev/drbd/converge-xfs1-xvda1", way: wayOf("in-sync/xfs1") },
];
const WITHOUT_WARNING: readonly Mirrored[] = [
  { guest: "whole1", address: "10.77.0.17", disk: "xvda", image: "/srv/xen/whole1.img", device: "/dev/mapper/converge-whole1-xvda", way: wayOf("in-sync/whole1") },
  { guest: "stubborn1", address: "10.77.0.18", disk: "xvda1", image: "/srv/xen/stubborn1.img", device: "/dev/md/converge-stubborn1-xvda1", way: wayOf("in-sync/stubborn1") },
  { guest: "late1", address: "10.77.0.12", disk: "xvda1", image: "/srv/xen/late1.img", device: "/dev/drbd/converge-late1-xvda1", way: wayOf("in-sync/late1") },
];

const IDLE = ["old3", "hard1"];

/** It has something to lose. */
async function begin({ guest }: Mirrored): Promise<void> {
  await startGuest(lab, guest);
  if (guest === "late1") await waitForConsole(lab, guest, "written gen 2");
  else if (!IDLE.includes(guest)) await waitForConsole(lab, guest, "\\] ack 10$");
}

/** By itself: one of them does not listen to xl. */
async function end({ guest, address }: Mirrored): Promise<void> {
  if (guest !== "stubborn1") return stopGuest(lab, guest);
  await runInGuest(lab, address, "poweroff");
  await lab.run(["/usr/local/lib/lab/wait-gone", guest, "240"], { timeoutSeconds: 300 });
}

/** The last record that it was told is safe. */
async function highestOf({ guest }: Mirrored): Promise<number> {
  return IDLE.includes(guest) || guest === "late1" ? 0 : (await acks(lab, guest)).highest;
}

async function writesOn({ guest }: Mirrored): Promise<void> {
  if (guest === "late1") await waitForConsole(lab, guest, "written gen 4");
  else if (!IDLE.includes(guest)) await expectOnward(lab, guest, 10);
}

/** What it is on, at rest, has everything up to that record. */
async function expectAllThere({ guest, disk }: Mirrored, device: string, highest: number): Promise<void> {
  if (disk !== "xvda") await expectWholeFilesystem(lab, device, guest === "xfs1" ? ["xfs_repair", "-n"] : undefined);
  if (guest === "late1") expect(await checkLate(lab, device, guest)).toMatch(/^ok/);
  else if (!IDLE.includes(guest)) expect(await checkRecords(lab, disk === "xvda" ? `${device}:1` : device, guest, highest)).toMatch(/^ok/);
}

/** From here on runs halt where both legs have everything: xl is asked to store the new config then. */
async function haltRuns(): Promise<void> {
  await lab.run(`rm -rf /run/lab-halted && mkdir /run/lab-halted && : >/run/lab-halt
cat >/usr/local/bin/xl <<'SCRIPT'
#!/bin/sh
if [ "$1" = config-update ] && [ -e /run/lab-halt ]; then
  for word in "$@"; do case $word in /run/converge/*) guest=\${word#/run/converge/} ;; esac; done
  : >"/run/lab-halted/\${guest%%/*}"
  while [ -e /run/lab-halt ]; do sleep 0.2; done
fi
exec /usr/sbin/xl "$@"
SCRIPT
chmod 755 /usr/local/bin/xl`);
}

/** A run that has halted there; the process itself would be waited for. */
async function untilInSync({ guest, address, disk, way }: Mirrored) {
  const playbook = await converge.playbook(`${guest}.yml`, readyOn(guest, address, [disk], way));
  const run = converge.start("-i", "lab.yml", playbook, "--yes");
  const halted = `tries=3000; until [ -e /run/lab-halted/${guest} ]; do tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 0.2; done`;
  await whileRunning(run, lab.run(halted, { timeoutSeconds: 1_200 }));
  return { run, playbook };
}

async function expectDone(mirrored: Mirrored): Promise<void> {
  const again = await converge.run("-i", "lab.yml", `${mirrored.guest}.yml`, "--yes");
  expect(again.exitCode, again.all).toBe(0);
  await converge.expectNothingToDo(`${mirrored.guest}.yml`);
}

describe.runIf(everything)("in sync", () => {
  beforeAll(async () => {
    lab = await Lab.up({ name: "suite-in-sync" });
    converge = await Converge.at(lab);
    await lab.run("rm -f /etc/xen/auto/*");
    await lab.run(withoutHoles("oldext.img", "xfs1.img", "stubborn1.img", "late1.img"));
    await lab.run("cd '/srv/xen/hard guest' && fallocate --length \"$(stat -c %s 'hard1 root.img')\" 'hard1 root.img'");
  }, 1_200_000);

  afterAll(async () => {
    await converge.remove();
    await lab.down();
  });

  test("guests that reboot themselves come up on their devices, and their moves are finished", async () => {
    await haltRuns();
    const runs = [];
    for (const mirrored of BY_ITSELF) {
      await begin(mirrored);
      runs.push(await untilInSync(mirrored));
    }
    for (const { guest, address, disk, device } of BY_ITSELF) {
      const booted = await boots(lab, guest);
      await runInGuest(lab, address, "reboot");
      await waitForConsole(lab, guest, `${guest} is up, boot ${String(booted + 1)}`);
      expect((await attached(lab, guest))[disk]).toBe(device);
    }
    await lab.run("rm /run/lab-halt");
    for (const { run } of runs) {
      const { exitCode, all } = await run;
      // it has stored the config of a domain that is gone
      expect([0, 3], all).toContain(exitCode);
    }
    for (const mirrored of BY_ITSELF) {
      await expectDone(mirrored);
      expect((await attached(lab, mirrored.guest))[mirrored.disk]).toBe(mirrored.device);
      await end(mirrored);
    }
  });

  test("Dom0 reboots in order: guests are restored on their devices, and have lost nothing", { timeout: 1_800_000 }, async () => {
    await haltRuns();
    for (const mirrored of IN_ORDER) {
      await begin(mirrored);
      // it ends when it cannot reach Dom0 any more, and nobody waits for that
      const { run } = await untilInSync(mirrored);
      void run.catch(() => undefined);
    }
    const booted = await Promise.all(IN_ORDER.map(({ guest }) => boots(lab, guest)));
    await lab.reboot();
    for (const [index, mirrored] of IN_ORDER.entries()) {
      await writesOn(mirrored);
      expect(await boots(lab, mirrored.guest), `${mirrored.guest} kept its uptime`).toBe(booted[index]);
      expect((await attached(lab, mirrored.guest))[mirrored.disk]).toBe(mirrored.device);
      await expectDone(mirrored);
    }
  });

  test("the power of Dom0 goes: guests come up with every acknowledged record, and their moves are finished", { timeout: 1_800_000 }, async () => {
    for (const mirrored of IN_ORDER) await end(mirrored);
    await haltRuns();
    const runs = [];
    for (const mirrored of WITHOUT_WARNING) {
      await begin(mirrored);
      runs.push(await untilInSync(mirrored));
    }
    await lab.run(`cd /etc/xen && ln -sf ${WITHOUT_WARNING.map(({ guest }) => `/etc/xen/${guest}.cfg`).join(" ")} auto/ && sync`);
    for (const mirrored of WITHOUT_WARNING) await writesOn(mirrored);
    const highest = await Promise.all(WITHOUT_WARNING.map(highestOf));
    const booted = await Promise.all(WITHOUT_WARNING.map(({ guest }) => boots(lab, guest)));
    await lab.powerCut();
    for (const { run } of runs) {
      run.kill("SIGTERM");
      await run;
    }
    await lab.boot();
    for (const [index, mirrored] of WITHOUT_WARNING.entries()) {
      const { guest, disk, image } = mirrored;
      await waitForConsole(lab, guest, `${guest} is up, boot ${String((booted[index] ?? 0) + 1)}`);
      const device = (await attached(lab, guest))[disk] ?? "";
      expect([image, `/dev/vg0/${guest}-${disk}`]).toContain(device);
      await end(mirrored);
      await expectAllThere(mirrored, device, highest[index] ?? 0);
      await startGuest(lab, guest);
      await expectDone(mirrored);
      await end(mirrored);
    }
  });

  test("and once Dom0 has rebooted, and the devices are gone, the volumes have everything", async () => {
    await lab.run("rm -f /usr/local/bin/xl /etc/xen/auto/*");
    await lab.reboot();
    for (const mirrored of [...BY_ITSELF, ...IN_ORDER, ...WITHOUT_WARNING]) {
      await expectAllThere(mirrored, `/dev/vg0/${mirrored.guest}-${mirrored.disk}`, await highestOf(mirrored));
    }
  });
});
