import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, checkLate, checkRecords, hardFiles, kernelInside, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes, readyOn } from "./converge.js";
import { wayOf } from "./covered.js";
import {
  ageAccessTimes, attached, expectLike, expectMeasuredDowntime, expectNoGarbage, expectNothingLeft, fillWithGarbage, journal, traces,
} from "./on-host.js";
import { everything, inPart } from "./parts.js";

/**
 * Real guests that write all the while are moved on a real Xen Dom0. The order matters: one boot serves all, and a
 * test may find what the ones before have left.
 */

let lab: Lab;
let converge: Converge;

beforeAll(async () => {
  lab = await Lab.up({ name: "suite", hypervisor: "main" });
  converge = await Converge.at(lab);
  await lab.run("rm -f /etc/xen/auto/*");
  await fillWithGarbage(lab);
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

describe.runIf(inPart("base"))("a guest that writes numbered records without pause", () => {
  const WEB1 = onVolumes("web1", { xvda1: { size: "160MiB", filesystem: "ext4" }, xvda2: { filesystem: "swap" } }, { ...wayOf("moves/web1"), throttle: { weight: 50 } });

  test("is previewed, and nothing on the host changes, not even a timestamp", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    await ageAccessTimes(lab);
    const before = await traces(lab);
    const preview = await converge.run("--check", "--detailed-exitcode", "--out", "plan.json", "-i", "lab.yml", await converge.playbook("web1.yml", WEB1));
    expect(preview.all).toContain("volume vg0/web1-xvda1, 160 MiB, ext4");
    expect(preview.exitCode, preview.all).toBe(2);
    expect(preview.all, "a secret of the config").not.toContain("s3cret");
    expect(await traces(lab)).toBe(before);
  });

  test("is moved from the saved plan, with every acknowledged record, in one restart", async () => {
    const { highest } = await acks(lab, "web1");
    const run = await converge.run("apply", "plan.json", "-i", "lab.yml");
    expect(run.exitCode, run.all).toBe(0);
    expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/vg0/web1-xvda1", xvda2: "/dev/vg0/web1-xvda2" });
    await expectNothingLeft(lab);
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 30)}$`);
    const events = await journal(lab, "web1");
    expect(events.some((e) => e["event"] === "done" && e["id"] === "lift-weight"), "what the guest waits for is not held back").toBe(true);
    expect(JSON.stringify(events), "a secret of the config").not.toContain("s3cret");
    await expectMeasuredDowntime(lab, "web1", highest);
  });

  test("finds nothing to do the second time, in a line, and exits 0", async () => {
    await ageAccessTimes(lab);
    const before = await traces(lab);
    for (const { look, says } of [
      { look: ["-i", "lab.yml", "web1.yml", "--yes"], says: /^dom0: nothing to do$/m }, { look: ["status", "-i", "lab.yml"], says: /web1/ },
    ]) {
      const { exitCode, all } = await converge.run(...look);
      expect(exitCode, all).toBe(0);
      expect(all).toMatch(says);
      expect(await traces(lab), `${look.join(" ")}: the books are only read`).toBe(before);
    }
    expect((await converge.run("apply", "plan.json", "-i", "lab.yml")).exitCode, "the old plan is stale").toBe(5);
  });

  test("comes back on its volumes when it reboots itself, and has lost nothing", async () => {
    await runInGuest(lab, "10.77.0.11", "reboot");
    // for the next test: it has to run for a while first
    await lab.run("xl create -q /etc/xen/late1.cfg");
    await waitForConsole(lab, "web1", "web1 is up, boot 3");
    expect(await attached(lab, "web1")).toMatchObject({ xvda1: "/dev/vg0/web1-xvda1" });
    await stopGuest(lab, "web1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok records=\d+ acked=\d+$/);
    await expectLike(lab, "/dev/vg0/web1-xvda1", "/srv/xen/web1/disk.img");
    await expectLike(lab, "/dev/vg0/web1-xvda2", "/srv/xen/web1/swap.img");
    await expectNoGarbage(lab, "/dev/vg0/web1-xvda1", "/dev/vg0/web1-xvda2");
  });
});

test.runIf(inPart("base"))("a guest that overwrites in place and flushes late loses no acknowledged write", async () => {
  // a generation is written and not yet flushed when the snapshots are taken
  await waitForConsole(lab, "late1", "written gen 2");
  const late1 = onVolumes("late1", { xvda1: {} }, wayOf("moves/late1"));
  Object.assign(late1["late1"] as object, { ready: { tcp: 22, address: "10.77.0.12", timeout: "300s" } });
  const run = await converge.run("-i", "lab.yml", await converge.playbook("late1.yml", late1), "--yes");
  expect(run.exitCode, run.all).toBe(0);
  await stopGuest(lab, "late1");
  expect(await checkLate(lab, "/dev/vg0/late1-xvda1", "late1")).toMatch(/^ok/);
  await expectNothingLeft(lab);
});

test.runIf(inPart(4))("a guest that is down is moved too: links, holes, attributes, devices and odd names arrive as they were", async () => {
  const hard1 = onVolumes("hard1", { xvda1: {} }, wayOf("moves/hard1"));
  Object.assign(hard1["hard1"] as object, { ready: undefined });
  const source = await hardFiles(lab, "/srv/xen/hard guest/hard1 root.img");
  const run = await converge.run("-i", "lab.yml", await converge.playbook("hard1.yml", hard1), "--yes");
  expect(run.exitCode, run.all).toBe(0);
  expect(await hardFiles(lab, "/dev/vg0/hard1-xvda1")).toEqual(source);
  expect((await lab.run(["xl", "list"])).stdout, "it was down and stays down").not.toContain("hard1");
  await expectNothingLeft(lab);
});

test.runIf(inPart(4))("a whole disk with partitions whose files are to be copied is refused before anything is touched, and says why", async () => {
  const before = await traces(lab);
  const run = await converge.run("-i", "lab.yml", await converge.playbook("whole1.yml", onVolumes("whole1", { xvda: {} }, { strategy: "rsync" })), "--yes");
  expect(run.exitCode, run.all).toBe(5);
  expect(run.all).toContain("partition table");
  expect(await traces(lab)).toBe(before);
});

/** Until the password is asked for: what is typed before that the terminal itself would show. */
async function prompted({ stdout }: ReturnType<Converge["startOnTerminal"]>): Promise<void> {
  for await (const chunk of stdout) if (String(chunk).includes("BECOME password")) return;
}

test.runIf(everything)("an account whose sudo asks is asked for the password, on the terminal", async () => {
  const other = await Converge.at(lab, "oppw");
  const hard1 = onVolumes("hard1", { xvda1: {} });
  Object.assign(hard1["hard1"] as object, { ready: undefined });
  const file = await other.playbook("hard1.yml", hard1);
  const right = other.startOnTerminal("--check", "-b", "-K", "-i", "lab.yml", file);
  await prompted(right);
  right.stdin.write("labpw\n");
  const { exitCode, all } = await right;
  expect(exitCode, all).toBe(0);
  expect(all, "the host was read").toMatch(/^dom0/m);
  expect(all).not.toContain("labpw");
  const wrong = other.startOnTerminal("--check", "-b", "-K", "-i", "lab.yml", file);
  await prompted(wrong);
  wrong.stdin.write("no\n");
  const refused = await wrong;
  expect(refused.exitCode, refused.all).toBe(4);
  expect(refused.all).toMatch(/password/);
  await other.remove();
});

describe.runIf(everything)("every kind of root", () => {
  test.each([
    { guest: "old3", disks: { xvda1: { filesystem: "ext3" }, xvda2: { filesystem: "swap" } }, address: "10.77.0.13", way: wayOf("moves/old3") },
    {
      guest: "oldext", disks: { xvda1: {} }, address: "10.77.0.14", way: wayOf("moves/oldext"),
      // its kernel too is read from its volume then, by pygrub. It is the largest of its files, and fresh, and there is no room for it twice
      cramped: "/srv/xen/oldext.img",
    },
    { guest: "xfs1", disks: { xvda1: { filesystem: "xfs" } }, address: "10.77.0.15", way: wayOf("moves/xfs1") },
  ])("$guest comes up on its volume", async ({ guest, disks, address, way, cramped }) => {
    if (cramped !== undefined) await kernelInside(lab, guest, cramped);
    await startGuest(lab, guest);
    const domains = onVolumes(guest, disks, way);
    Object.assign(domains[guest] as object, { ready: { tcp: 22, address, timeout: "300s" } });
    const run = await converge.run("-i", "lab.yml", await converge.playbook(`${guest}.yml`, domains), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    const made = (await journal(lab, guest)).filter((event) => event["event"] === "watch" && event["value"] === "no room for a changed file");
    expect(made.length, "room for the kernel").toBe(cramped === undefined ? 0 : 1);
    await stopGuest(lab, guest);
    if (guest !== "old3") expect(await checkRecords(lab, `/dev/vg0/${guest}-xvda1`, guest)).toMatch(/^ok/);
    await expectNothingLeft(lab);
    await lab.run(["lvremove", "-y", ...Object.keys(disks).map((vdev) => `vg0/${guest}-${vdev}`)]);
  });
});

test.runIf(inPart(4))("a guest is not shut down where the passes show that its budget can not be kept", async () => {
  await startGuest(lab, "stubborn1");
  const domid = (await lab.run(["xl", "domid", "stubborn1"])).stdout;
  // a shutdown alone takes longer
  const hurried = readyOn("stubborn1", "10.77.0.18", ["xvda1"], { downtime: "1s", passes: 2 });
  const run = await converge.run("-i", "lab.yml", await converge.playbook("hurried.yml", hurried), "--yes");
  expect(run.exitCode, run.all).toBe(5);
  const said = run.all.replaceAll(/\s+/g, " ");
  expect(said, "before").toMatch(/stubborn1 would be down for about [\d.]+ s, and 1 s are allowed/);
  expect(said, "by what was measured").toMatch(/the last pass would take [\d.]+ s .* more than the budget of 1.00 s; the guest was not touched/);
  expect((await journal(lab, "stubborn1")).some((event) => event["event"] === "down"), "no downtime").toBe(false);
  expect((await lab.run(["xl", "domid", "stubborn1"])).stdout, "the same domain").toBe(domid);
  expect(await attached(lab, "stubborn1")).toEqual({ xvda1: "/srv/xen/stubborn1.img" });
  await expectNothingLeft(lab);
});
