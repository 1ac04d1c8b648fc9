import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, checkRecords, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes } from "./converge.js";
import { wayOf } from "./covered.js";
import { attached, expectNothingLeft, journal, traces } from "./on-host.js";
import { everything } from "./parts.js";

/** What an operator does after, or instead of, a move: on a real Xen Dom0, with a guest that writes all the while. */

let lab: Lab;
let converge: Converge;

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-operator" });
  converge = await Converge.at(lab);
  await lab.run("rm -f /etc/xen/auto/*");
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** Image or volume: its file system, every structure of it, and the records in it. */
async function expectWhole(disk: string, atLeast: number): Promise<void> {
  const checked = await lab.run(["sh", "-c", 'e2fsck -f -n "$1" 2>&1', "sh", disk]);
  expect(checked.stdout).not.toContain("ERRORS");
  expect(await checkRecords(lab, disk, "web1", atLeast)).toMatch(/^ok records=\d+ acked=\d+$/);
}

describe.runIf(everything)("a guest that was moved and has written on", () => {
  const WEB1 = onVolumes("web1", { xvda1: { size: "160MiB", filesystem: "ext4" }, xvda2: { filesystem: "swap" } }, { ...wayOf("operator/web1"), source: "retire" });
  const back = ["rollback", "-i", "lab.yml", "dom0", "web1"];
  let image = "";
  let since = 0;

  test("is told what going back would cost, and nothing changes on the host", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 5$");
    image = (await attached(lab, "web1"))["xvda1"] ?? "";
    const run = await converge.run("-i", "lab.yml", await converge.playbook("web1.yml", WEB1), "--yes");
    expect(run.exitCode, run.all).toBe(0);
    const { highest } = await acks(lab, "web1");
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 30)}$`);
    const before = await traces(lab);
    const preview = await converge.run(...back, "--check", "--detailed-exitcode");
    expect(preview.exitCode, preview.all).toBe(2);
    expect(preview.all).toMatch(/everything that web1 wrote to xvda1 since 20\d\d-/);
    expect(preview.all, "how much").toMatch(/[KM]iB since its last start alone/);
    expect(preview.all).not.toContain("s3cret");
    expect(await traces(lab)).toBe(before);
  });

  test("goes back to its image in one restart, with every record that was acknowledged on the volume", async () => {
    const { highest } = await acks(lab, "web1");
    const run = await converge.run(...back, "--carry-back", "--yes");
    expect(run.exitCode, run.all).toBe(0);
    expect((await attached(lab, "web1"))["xvda1"]).toBe(image);
    await expectNothingLeft(lab);
    expect((await lab.run(["lvs", "--noheadings", "-o", "lv_tags", "vg0/web1-xvda1"])).stdout).toContain("converge.role=former");
    since = highest;
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 10)}$`);
    expect(JSON.stringify(await journal(lab, "web1"))).not.toContain("s3cret");
  });

  test("finds nothing to do the second time, and its image is whole", async () => {
    const again = await converge.run(...back, "--carry-back", "--yes");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toMatch(/^dom0: nothing to do$/m);
    await stopGuest(lab, "web1");
    await expectWhole(image, since + 10);
  });

  test("is moved by the playbook again, onto the volume that it had left", async () => {
    const run = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(run.exitCode, run.all).toBe(0);
    await expectWhole("/dev/vg0/web1-xvda1", since + 10);
    await expectNothingLeft(lab);
    expect((await converge.run("-i", "lab.yml", "web1.yml", "--yes")).all).toMatch(/^dom0: nothing to do$/m);
  });

  test.runIf(everything)("goes back by blocks too, and without its writes where that is asked for", async () => {
    await startGuest(lab, "web1");
    const { highest } = await acks(lab, "web1");
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 10)}$`);
    const blocks = await converge.run(...back, "--carry-back=blocks", "--yes");
    expect(blocks.exitCode, blocks.all).toBe(0);
    await stopGuest(lab, "web1");
    await expectWhole(image, highest + 10);
    const moved = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(moved.exitCode, moved.all).toBe(0);
    await startGuest(lab, "web1");
    const plain = await converge.run(...back, "--yes");
    expect(plain.exitCode, plain.all).toBe(0);
    // it numbers on from what its image has: records that only the volume got are written once more, and the disk is held against all of them
    const { highest: lost } = await acks(lab, "web1");
    await waitForConsole(lab, "web1", `\\] ack ${String(lost + 1)}$`);
    const refused = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
    expect(refused.exitCode, refused.all).toBe(5);
    expect(refused.all).toContain("volume-taken");
    await stopGuest(lab, "web1");
    await expectWhole(image, highest + 10);
  });
});

test.runIf(everything).each([
  { known: "another key", told: "shows another host key than the one that is known" },
  { known: "no key", told: "is not known" },
])("of a host of which $known is known nothing is asked, and nothing is run there", async ({ known, told }) => {
  // the name that the lab is known by, with a key that is not its own
  const other = join(converge.directory, "other");
  await rm(other, { force: true });
  await rm(`${other}.pub`, { force: true });
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
  const [name = ""] = (await readFile(lab.knownHostsFile, "utf8")).split(" ");
  const [type = "", key = ""] = (await readFile(`${other}.pub`, "utf8")).split(" ");
  const swapped = join(converge.directory, "known_hosts");
  await writeFile(swapped, known === "no key" ? "" : `${name} ${type} ${key}\n`);
  const inventory = await lab.inventory();
  expect(inventory).toContain(`UserKnownHostsFile=${lab.knownHostsFile}`);
  await writeFile(join(converge.directory, "swapped.yml"), inventory.replace(lab.knownHostsFile, swapped));
  const playbook = await converge.playbook("swapped-key.yml", onVolumes("web1", { xvda1: { size: "160MiB", filesystem: "ext4" } }));
  const before = await traces(lab);
  const logins = async (): Promise<string> => (await lab.run("journalctl --quiet -u ssh | grep -c Accepted", { mayFail: true })).stdout.trim();
  const accepted = Number(await logins());
  for (const args of [["--check"], ["--yes"]]) {
    const run = await converge.run("-i", "swapped.yml", playbook, ...args);
    expect(run.exitCode, run.all).toBe(4);
    expect(run.all).toContain("[host-key]");
    expect(run.all.replaceAll(/\s+/g, " ")).toContain(told);
  }
  // this question is one login itself
  expect(Number(await logins())).toBeLessThanOrEqual(accepted + 1);
  expect(await traces(lab)).toBe(before);
});

test.runIf(everything)("a retired image goes when its time is past, and not before; the guest does not notice", async () => {
  // down since the tests before, on its image
  await lab.run("lvremove -qq -y vg0/web1-xvda1", { mayFail: true });
  await startGuest(lab, "web1");
  const retiring = onVolumes("web1", { xvda1: { size: "160MiB", filesystem: "ext4" } }, { ...wayOf("operator/retire"), source: "retire" });
  const moved = await converge.run("-i", "lab.yml", await converge.playbook("retire.yml", retiring), "--yes");
  expect(moved.exitCode, moved.all).toBe(0);
  const retired = async (): Promise<string> => (await lab.run("ls -d /srv/xen/web1/*retired*", { mayFail: true })).stdout.trim();
  const image = await retired();
  expect(image).toMatch(/retired/);
  const gc = ["gc", "-i", "lab.yml", "dom0"];

  const early = await converge.run(...gc, "--keep-for", "1d", "--yes");
  expect(early.exitCode, early.all).toBe(0);
  expect(await retired()).toBe(image);

  const before = await traces(lab);
  const preview = await converge.run(...gc, "--keep-for", "1s", "--check", "--detailed-exitcode");
  expect(preview.exitCode, preview.all).toBe(2);
  expect(preview.all).toContain(image);
  expect(await traces(lab)).toBe(before);

  const collected = await converge.run(...gc, "--keep-for", "1s", "--yes");
  expect(collected.exitCode, collected.all).toBe(0);
  expect(await retired()).toBe("");
  const { highest } = await acks(lab, "web1");
  await waitForConsole(lab, "web1", `\\] ack ${String(highest + 10)}$`);
  expect((await attached(lab, "web1"))["xvda1"]).toBe("/dev/vg0/web1-xvda1");
  await expectNothingLeft(lab);
  const again = await converge.run(...gc, "--keep-for", "1s", "--yes");
  expect(again.exitCode, again.all).toBe(0);
  expect(again.all).toMatch(/nothing to do/);
});
