import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fact } from "../../src/core/facts/block-devices.js";
import { observe } from "../../src/core/observe/observe.js";
import { labReadings } from "./many-guests.js";

const root = mkdtempSync(join(tmpdir(), "converge-sectors-"));
afterAll(() => { rmSync(root, { recursive: true }); });

test("the fact reads a device's logical sector, and a partition's from its disk", () => {
  for (const [path, text] of [["sda/dev", "8:0"], ["sda/size", "8"], ["sda/ro", "0"], ["sda/queue/logical_block_size", "4096"], ["sda/sda1/dev", "8:1"], ["sda/sda1/size", "8"], ["sda/sda1/ro", "1"]] as const) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  const script = (fact.command[2] ?? "").replace("/sys/class/block/*", `${root}/sda ${root}/sda/sda1`);
  const { stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  expect(fact.parse({ exitCode: 0, stdout, stderr: "" }).value).toEqual([
    { name: "sda", devno: "8:0", bytes: 4096, readOnly: false, holders: [], sectorBytes: 4096 },
    { name: "sda1", devno: "8:1", bytes: 4096, readOnly: true, holders: [], sectorBytes: 4096 },
  ]);
});

test.each<{ what: string; from: RegExp; to: string; bytes: number | undefined }>([
  { what: "is not known from an older recording", from: /$^/, to: "", bytes: undefined },
  { what: "is that of its volumes", from: /(dm-0 \S+ \S+ 0)/, to: "$1/4096", bytes: 4096 },
  { what: "is that of the disks below them", from: /(vdb \S+ \S+ 0)/, to: "$1/4096", bytes: 4096 },
  { what: "is not that of another disk", from: /(vdc \S+ \S+ 0)/, to: "$1/4096", bytes: undefined },
])("a group's sector $what", ({ from, to, bytes }) => {
  const lab = labReadings();
  const devices = lab.results["block-devices"];
  if (devices === undefined) throw new Error("no devices");
  const { value } = observe({ ...lab, results: { ...lab.results, "block-devices": { ...devices, stdout: devices.stdout.replace(from, to) } } });
  expect(value?.volumeGroups["vg0"]?.sectorBytes).toBe(bytes);
});
