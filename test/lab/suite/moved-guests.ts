import { expect } from "vitest";
import { Lab } from "../lab.js";
import type { Hypervisor } from "../lab.js";
import { acks, boots, checkLate, checkRecords, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, readyOn } from "./converge.js";
import { attached, expectMeasuredDowntime, expectNothingLeft, expectWholeFilesystem } from "./on-host.js";

/** The disk of a guest's config is served by QEMU from then on. */
export async function servedByQemu(lab: Lab, guest: string, image: string, vdev: string): Promise<void> {
  await lab.run(["sed", "-i", `s#['"][^'"]*${image}[^'"]*['"]#'${image},raw,${vdev},rw,backendtype=qdisk'#`, `/etc/xen/${guest}.cfg`]);
}

export interface Moved {
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

/** A lab, and its guests that are moved in it one after the other: no fault is caused, and each is looked at, and taken down. */
export class MovedGuests {
  /** Guests that sat on a device of converge's since Dom0 has booted: their boot units go at the next boot. */
  readonly #mapped: string[] = [];
  /** Their disks, and the volumes below: held by the device until then, and looked at after it. */
  readonly #held: { readonly guest: string; readonly disk: string; readonly volume: string }[] = [];

  private constructor(readonly lab: Lab, readonly converge: Converge) {}

  static async at(hypervisor: Hypervisor, cpu: "pv" | "svm", name = `suite-pairs-${hypervisor}`): Promise<MovedGuests> {
    const lab = await Lab.up({ name, hypervisor, cpu });
    const converge = await Converge.at(lab);
    await lab.run("rm -f /etc/xen/auto/*");
    // a guest that is migrated has another name at first, and xenconsoled stays with it: to be one log
    await lab.run("cd /var/log/xen/console && for guest in oldext late1 stubborn1; do ln -sf guest-$guest.log guest-$guest--incoming.log; done");
    return new MovedGuests(lab, converge);
  }

  async down(): Promise<void> {
    await this.converge.remove();
    await this.lab.down();
  }

  /** It is up, and has something to lose. */
  async begin(guest: string): Promise<void> {
    await startGuest(this.lab, guest);
    if (guest === "late1") await waitForConsole(this.lab, guest, "written gen 2");
    else if (!IDLE.includes(guest)) await waitForConsole(this.lab, guest, "\\] ack 10$");
  }

  /** By itself: one of them does not listen to xl. */
  async end(guest: string, address: string): Promise<void> {
    if (guest !== "stubborn1") {
      await stopGuest(this.lab, guest);
      return;
    }
    await runInGuest(this.lab, address, "poweroff");
    await this.lab.run(["/usr/local/lib/lab/wait-gone", guest, "240"], { timeoutSeconds: 300 });
  }

  /** What is on the volume of a guest that is down, has everything. */
  async #expectAllThere(guest: string, disk: string, device: string): Promise<void> {
    if (disk !== "xvda") await expectWholeFilesystem(this.lab, device, guest === "xfs1" ? ["xfs_repair", "-n"] : undefined);
    if (guest === "late1") expect(await checkLate(this.lab, device, guest)).toMatch(/^ok/);
    else if (!IDLE.includes(guest)) expect(await checkRecords(this.lab, disk === "xvda" ? `${device}:1` : device, guest)).toMatch(/^ok/);
  }

  /** Moves a running guest, and looks at it until it is down on its volume. */
  async move({ guest, address, disks, way, device, restarts }: Moved): Promise<void> {
    const [disk = ""] = disks;
    const volume = `/dev/vg0/${guest}-${disk}`;
    const booted = await boots(this.lab, guest);
    const { highest } = IDLE.includes(guest) || guest === "late1" ? { highest: 0 } : await acks(this.lab, guest);
    const playbook = await this.converge.playbook(`${guest}.yml`, readyOn(guest, address, disks, way));
    if (way["switch"] === "next-reboot") {
      const waits = await this.converge.run("-i", "lab.yml", playbook, "--yes");
      expect(waits.exitCode, waits.all).toBe(0);
      expect(waits.all).toContain("for the guest's own next reboot");
      await runInGuest(this.lab, address, "reboot");
      await waitForConsole(this.lab, guest, `${guest} is up, boot ${String(booted + 1)}`);
    }
    const run = await this.converge.run("-i", "lab.yml", playbook, "--yes");
    expect(run.exitCode, run.all).toBe(0);
    if (device !== undefined) this.#mapped.push(guest);
    expect(await boots(this.lab, guest), "restarts").toBe(booted + restarts);
    if (way["strategy"] !== "qemu") expect((await attached(this.lab, guest))[disk]).toBe(device ?? volume);
    if (guest === "late1") await waitForConsole(this.lab, guest, "written gen 3");
    else if (!IDLE.includes(guest)) await waitForConsole(this.lab, guest, `\\] ack ${String(highest + 20)}$`);
    // what its own reboot takes is its own
    if (highest > 0 && way["switch"] !== "next-reboot") await expectMeasuredDowntime(this.lab, guest, highest);
    // a device that the guest is still on has things of its own beside it, DRBD its metadata: the other files look at these
    if (device === undefined) await expectNothingLeft(this.lab, this.#mapped);
    await this.converge.expectNothingToDo(playbook);
    await this.end(guest, address);
    if (device !== undefined) this.#held.push({ guest, disk, volume });
    else await this.#expectAllThere(guest, disk, volume);
  }

  /** Dom0 reboots, the devices are gone, and the volumes by themselves have everything. */
  async expectAllThereAfterReboot(): Promise<void> {
    expect(this.#held.length).toBeGreaterThan(0);
    await this.lab.reboot();
    await expectNothingLeft(this.lab);
    for (const { guest, disk, volume } of this.#held) await this.#expectAllThere(guest, disk, volume);
  }

  /** Moves a guest that is down; it comes up on its volume, and goes on there. */
  async moveAtRest({ guest, address, disks, way }: Pick<Moved, "guest" | "address" | "disks" | "way">): Promise<void> {
    const [disk = ""] = disks;
    await this.begin(guest);
    await this.end(guest, address);
    const playbook = await this.converge.playbook(`${guest}.yml`, readyOn(guest, address, disks, way));
    const run = await this.converge.run("-i", "lab.yml", playbook, "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect((await this.lab.run(["xl", "list", guest], { mayFail: true })).exitCode, "it stays down").not.toBe(0);
    await expectNothingLeft(this.lab, this.#mapped);
    await this.converge.expectNothingToDo(playbook);
    await this.#expectAllThere(guest, disk, `/dev/vg0/${guest}-${disk}`);
    await startGuest(this.lab, guest);
    expect((await attached(this.lab, guest))[disk]).toBe(`/dev/vg0/${guest}-${disk}`);
    await this.end(guest, address);
    await this.#expectAllThere(guest, disk, `/dev/vg0/${guest}-${disk}`);
  }
}
