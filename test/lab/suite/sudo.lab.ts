import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { Lab } from "../lab.js";
import { checkRecords, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes } from "./converge.js";
import { wayOf } from "./covered.js";
import { expectNothingLeft } from "./on-host.js";
import { everything } from "./parts.js";

/** A plain login with docs/sudoers.converge and nothing else. It runs in test:lab:all. */

describe.runIf(everything)("a plain user with the documented sudoers file", () => {
  let lab: Lab;
  let converge: Converge;

  beforeAll(async () => {
    lab = await Lab.up({ name: "suite-sudo" });
    // the file's login, with the key that root has, and its rights in the place of whatever the lab gives
    await lab.run("id converge >/dev/null 2>&1 || useradd --create-home --shell /bin/sh converge");
    await lab.run("install -d -m 0700 -o converge /home/converge/.ssh && install -m 0600 -o converge /root/.ssh/authorized_keys /home/converge/.ssh/");
    await lab.run(["sh", "-c", 'printf %s "$1" >/etc/sudoers.d/converge && chmod 0440 /etc/sudoers.d/converge && visudo -c', "sh", readFileSync("docs/sudoers.converge", "utf8")]);
    converge = await Converge.at(lab);
  });

  afterAll(async () => {
    await converge.remove();
    await lab.down();
  });

  const AS = ["-e", "ansible_user=converge", "--become"];

  test("can look, move a guest with every record, and finds nothing to do the second time", async () => {
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 5$");
    const playbook = await converge.playbook("web1.yml", onVolumes("web1", { xvda1: { size: "160MiB", filesystem: "ext4" }, xvda2: { filesystem: "swap" } }, wayOf("sudo/web1")));
    const preview = await converge.run("-i", "lab.yml", ...AS, playbook, "--check", "--detailed-exitcode");
    expect(preview.exitCode, preview.all).toBe(2);
    const run = await converge.run("-i", "lab.yml", ...AS, playbook, "--yes");
    expect(run.exitCode, run.all).toBe(0);
    const again = await converge.run("-i", "lab.yml", ...AS, playbook, "--yes");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.all).toContain("nothing to do");
    await expectNothingLeft(lab);
    await stopGuest(lab, "web1");
    expect(await checkRecords(lab, "/dev/vg0/web1-xvda1", "web1")).toMatch(/^ok/);
  });

  test("is told plainly when sudoers does not let it", async () => {
    await lab.run("rm /etc/sudoers.d/converge");
    const refused = await converge.run("-i", "lab.yml", ...AS, await converge.playbook("web2.yml", onVolumes("web1", { xvda1: {} })), "--check");
    expect(refused.exitCode, refused.all).not.toBe(0);
    expect(refused.all).toContain("become-refused");
  });
});
