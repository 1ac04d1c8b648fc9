import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, boots, checkRecords, runInGuest, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes } from "./converge.js";
import { wayOf } from "./covered.js";
import { attached, expectNothingLeft, journal, newestRun, waitForEvent, whileRunning } from "./on-host.js";
import { everything } from "./parts.js";

/** A clone of the guest boots from its copy, on a real Xen, before the guest itself is touched. */

const CLONE = "converge-rehearsal-";

let lab: Lab;
let converge: Converge;

beforeAll(async () => {
  lab = await Lab.up({ name: "suite-rehearse" });
  await lab.run("rm -f /etc/xen/auto/*");
  converge = await Converge.at(lab);
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** No domain, snapshot, config or save file of a clone's. */
async function expectNoClone(): Promise<void> {
  const { stdout } = await lab.run(`
    xl list | grep ${CLONE}
    lvs --noheadings -o lv_full_name | grep ${CLONE}
    ls /var/lib/xen/save | grep ${CLONE}
    xenstore-ls -f /local/domain/0/backend | grep ${CLONE}
    true`);
  expect(stdout.trim(), "left of the clone").toBe("");
  await expectNothingLeft(lab);
}

async function domid(guest: string): Promise<string> {
  return (await lab.run(["xl", "domid", guest])).stdout.trim();
}

test.runIf(everything)("a guest that writes is moved once its clone has come up, with every acknowledged record, and the clone is gone", async () => {
  await startGuest(lab, "web1");
  await waitForConsole(lab, "web1", "\\] ack 20$");
  const web1 = onVolumes("web1", { xvda1: { filesystem: "ext4" }, xvda2: { filesystem: "swap" } }, { ...wayOf("rehearse/web1"), rehearse: { timeout: "600s" } });
  const before = await newestRun(lab, "web1");
  const run = converge.start("-i", "lab.yml", await converge.playbook("web1.yml", web1), "--yes");
  await whileRunning(run, waitForEvent(lab, "web1", before, '"event":"step".*rehearsal.await', 900));
  // what the clone is while it is there: on snapshots, without a network card, its config for root alone
  const beside = await lab.run(`
    domid=$(xl domid ${CLONE}web1) || exit 1
    stat -c %a /run/converge/web1/rehearsal.cfg
    for device in $(xenstore-list /local/domain/0/backend/vbd/$domid); do xenstore-read /local/domain/0/backend/vbd/$domid/$device/params; done
    xenstore-list /local/domain/0/backend/vif/$domid 2>/dev/null
    true`);
  expect(beside.stdout.trim().split("\n")).toEqual(["600", `/dev/vg0/${CLONE}web1-xvda1`, `/dev/vg0/${CLONE}web1-xvda2`]);
  const { exitCode, all } = await run;
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/rehearsal +a clone came up from the copy in .*it wrote to its disk/);
  expect(await attached(lab, "web1")).toEqual({ xvda1: "/dev/vg0/web1-xvda1", xvda2: "/dev/vg0/web1-xvda2" });
  await expectNoClone();
  const events = await journal(lab, "web1");
  const order = events.flatMap((e) => (["rehearsed", "down", "commit", "ready"].includes(String(e["event"])) ? [e["event"]] : []));
  expect(order).toEqual(["rehearsed", "down", "commit", "ready"]);
  expect(JSON.stringify(events), "a secret of the config").not.toContain("s3cret");
  const again = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
  expect(again.exitCode, again.all).toBe(0);
  expect(again.all).toMatch(/^dom0: nothing to do$/m);
  await stopGuest(lab, "web1");
  expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok records=\d+ acked=\d+$/);
});

describe.runIf(everything)("a guest whose copy does not boot", () => {
  const OLDEXT = "10.77.0.14";
  const playbook = async (rehearse: unknown): Promise<string> => {
    const oldext = onVolumes("oldext", { xvda1: {} }, { ...wayOf("rehearse/oldext"), rehearse });
    Object.assign(oldext["oldext"] as object, { ready: { tcp: 22, address: OLDEXT, timeout: "300s" } });
    return converge.playbook("oldext.yml", oldext);
  };

  test("is not switched: the run shows the end of the clone's console, and the guest was never stopped", async () => {
    await startGuest(lab, "oldext");
    await runInGuest(lab, OLDEXT, "mv /sbin/init /sbin/init.away && sync");
    const id = await domid("oldext");
    const run = await converge.run("-i", "lab.yml", await playbook({ timeout: "600s" }), "--yes");
    expect(run.exitCode, run.all).toBe(3);
    // seen while it is on its way out, or when it is gone
    expect(run.all).toMatch(/the clone did not come up: it (has crashed|crashed, or went down or rebooted by itself)/);
    expect(run.all).toMatch(/\| .*(panic|switch_root|init)/i);
    expect(await domid("oldext")).toBe(id);
    expect(await boots(lab, "oldext")).toBe(1);
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/srv/xen/oldext.img" });
    const { highest } = await acks(lab, "oldext");
    await waitForConsole(lab, "oldext", `\\] ack ${String(highest + 5)}$`);
    await expectNoClone();
    expect((await lab.run("lvs --noheadings -o lv_tags vg0/oldext-xvda1")).stdout, "the copy stays").toContain("converge.role=copy");
  });

  test("and whose host program is killed while the clone runs is moved by the next run, once it boots again", async () => {
    await runInGuest(lab, OLDEXT, "mv /sbin/init.away /sbin/init && sync");
    const before = await newestRun(lab, "oldext");
    // a text that never comes: the clone runs until it is killed
    const run = converge.start("-i", "lab.yml", await playbook({ timeout: "1h", console: "no such text" }), "--yes");
    await whileRunning(run, waitForEvent(lab, "oldext", before, '"event":"step".*rehearsal.await', 900));
    await lab.run(`until xl list ${CLONE}oldext 2>/dev/null | grep -q -e ' [r-][b-]---- '; do sleep 0.5; done`, { timeoutSeconds: 300 });
    await lab.run("systemctl kill --kill-whom=all --signal=KILL converge-oldext.service");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(3);
    await expectNoClone();
    const again = await converge.run("-i", "lab.yml", await playbook({ timeout: "600s", console: "oldext is up, boot" }), "--yes");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toContain("'oldext is up, boot' on its console");
    expect(await attached(lab, "oldext")).toEqual({ xvda1: "/dev/vg0/oldext-xvda1" });
    await expectNoClone();
    await stopGuest(lab, "oldext");
    expect(await checkRecords(lab, "/dev/vg0/oldext-xvda1", "oldext")).toMatch(/^ok/);
  });
});
