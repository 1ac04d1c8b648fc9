import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { QMP } from "../../src/core/program/runtime.generated.js";
import { SCRATCH } from "./host.js";

/** Before a guest is started that QEMU has brought to its volumes, its config is to name what it was on. */

const folder = mkdtempSync(join(SCRATCH, "converge-stayed-"));
afterAll(() => { rmSync(folder, { recursive: true }); });

/** What qmp.py says to it, of a guest that has one disk on its volume and whose config somebody has edited since. */
function said(stayed: readonly string[]): string {
  const [config, before, notes, program] = ["web1.cfg", "before", "pivot", "qmp.py"].map((name) => join(folder, name));
  if (config === undefined || before === undefined || notes === undefined || program === undefined) throw new Error("no paths");
  writeFileSync(program, QMP);
  writeFileSync(config, "memory = 64 # it did not come up with more\ndisk = [ 'phy:/dev/vg0/web1,xvda1,w' ]\n");
  writeFileSync(before, "memory = 128\ndisk = [ 'file:/srv/web1.img,xvda1,w' ]\n");
  writeFileSync(notes, JSON.stringify({ draft: join(folder, "draft"), config, stored: join(folder, "stored"), before, disks: [{ vdev: "xvda1", job: "converge-xvda1", edits: [] }], stayed }));
  return execFileSync("python3", [program, "stayed", notes], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

test("a config that somebody has edited is no reason not to start it, where all of its disks went over", () => {
  expect(said([])).toBe("");
});

test("and is one where a disk has stayed on its image, and the config may name its volume", () => {
  expect(() => said(["converge-xvda1"])).toThrow(/changed by somebody else/);
});
