import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { boots, startGuest, waitForConsole } from "../lab-guests.js";
import { expectMoved, withoutHoles } from "./in-the-mirror.js";
import { Converge, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import { attached, expectNothingLeft, expectOnward, journal, waitForEvent } from "./on-host.js";
import { everything } from "./parts.js";

/** A second switch that waits for its window, on a real Xen Dom0: a guest that writes all the while, mirrored by md. */

describe.runIf(everything)("a guest that leaves its array in a window of time", () => {
  let lab: Lab;
  let converge: Converge;
  let window: string;
  let booted: number;

  beforeAll(async () => {
    lab = await Lab.up({ name: "suite-window" });
    converge = await Converge.at(lab);
    await lab.run("rm -f /etc/xen/auto/*");
    await lab.run(withoutHoles("oldext.img", "old/old3-root.img"));
  });

  afterAll(async () => {
    await converge.remove();
    await lab.down();
  });

  /** The time of day that Dom0's clock says, so many minutes ahead of now. */
  async function clock(ahead: number): Promise<string> {
    return (await lab.run(["date", "-d", `${String(ahead)} minutes`, "+%H:%M"])).stdout.trim();
  }

  /** So that the window begins within a minute. */
  async function nearly(): Promise<void> {
    await lab.run(["sh", "-ec", 'date -s "@$(($(date -d "$1" +%s) - 40))"', "sh", window.slice(0, 5)]);
  }

  const apply = (playbook: string) => converge.run("-i", "lab.yml", playbook, "--yes");

  test("is moved, and the command ends where the wait begins", async () => {
    await lab.run(["sh", "-ec", 'date -s 12:00']);
    await startGuest(lab, "oldext");
    await waitForConsole(lab, "oldext", "\\] ack 20$");
    booted = await boots(lab, "oldext");
    window = `${await clock(240)}-${await clock(300)}`;
    const oldext = readyOn("oldext", "10.77.0.14", ["xvda1"], { ...wayOf("window/oldext"), window });
    const moved = await apply(await converge.playbook("oldext.yml", oldext));
    expect(moved.exitCode, moved.all).toBe(0);
    expect(moved.all).toContain("oldext on dom0: runs on its volumes; the second switch waits for its window");
    expect(moved.all.replaceAll(/\s+/g, " ")).toContain(`waits on dom0 for ${window}, in 3 h`);
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/dev/md/converge-oldext-xvda1" });
    await expectOnward(lab, "oldext", 10);
  });

  test("is shown as waiting, joined by the same playbook, and refused to others", async () => {
    const status = await converge.run("status", "-i", "lab.yml", "dom0");
    expect(status.all.replaceAll(/\s+/g, " ")).toMatch(new RegExp(`oldext waits, begun .* at Wait for ${window} by Dom0's clock`));
    const again = await apply("oldext.yml");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toContain("the second switch waits for its window");
    const back = await converge.run("rollback", "-i", "lab.yml", "dom0", "oldext", "--yes");
    expect(back.exitCode, back.all).toBe(5);
    expect(back.all).toContain("another run has oldext");
    expect((await journal(lab, "oldext")).filter((event) => event["event"] === "begin")).toHaveLength(1);
  });

  test("is taken off it when the window comes, by itself, with every acknowledged record", async () => {
    await nearly();
    await waitForEvent(lab, "oldext", "", '"event":"end","outcome":"done"', 600);
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/dev/vg0/oldext-xvda1" });
    const events = await journal(lab, "oldext");
    expect(events.filter((event) => event["event"] === "down").length, "two switches").toBe(2);
    expect(events.filter((event) => event["event"] === "waiting")).toHaveLength(1);
    const began = Number(events.find((event) => event["event"] === "done" && event["id"] === "await-window")?.["at"]);
    const at = (await lab.run(["date", "-d", `@${String(Math.floor(began))}`, "+%H:%M"])).stdout.trim();
    expect(at >= window.slice(0, 5), `${at} lies in ${window}, by the journal's own times`).toBe(true);
    await expectOnward(lab, "oldext", 10);
    expect(await boots(lab, "oldext"), "it was not restarted").toBe(booted);
    await expectNothingLeft(lab);
    await expectMoved({ lab, converge }, "oldext", "oldext.yml");
  });

  test("comes up on its volume where Dom0 loses its power in the wait, and nothing is left to do", async () => {
    await startGuest(lab, "old3");
    const later = `${await clock(240)}-${await clock(300)}`;
    const old3 = readyOn("old3", "10.77.0.13", ["xvda1"], { ...wayOf("window/old3"), window: later });
    const moved = await apply(await converge.playbook("old3.yml", old3));
    expect(moved.exitCode, moved.all).toBe(0);
    const before = await boots(lab, "old3");
    await lab.run("ln -sf /etc/xen/old3.cfg /etc/xen/auto/; sync");
    await lab.powerCut();
    await lab.boot();
    await waitForConsole(lab, "old3", `old3 is up, boot ${String(before + 1)}`);
    await lab.run("rm -f /etc/xen/auto/*");
    expect(await attached(lab, "old3")).toMatchObject({ xvda1: "/dev/vg0/old3-xvda1" });
    const again = await apply("old3.yml");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toMatch(/^dom0: nothing to do$/m);
    await expectNothingLeft(lab);
  });
});
