import { expect, test } from "vitest";
import { fact as diskTargets } from "../../src/core/facts/disk-targets.js";
import { fact as qemuBlocks } from "../../src/core/facts/qemu-blocks.js";
import { fact as xenstoreBackends } from "../../src/core/facts/xenstore-backends.js";

/** Passwords in the addresses that disks are at: recordings hold none, and say all else that they said. */

const said = (stdout: readonly string[]): { exitCode: number; stdout: string; stderr: string } =>
  ({ exitCode: 0, stdout: stdout.map((line) => `${line}\n`).join(""), stderr: "" });

test("of what Dom0 serves", () => {
  const result = said([
    '/local/domain/0/backend/qdisk/1/5632/params = "raw:https://me:hush@store/a.iso"',
    '/local/domain/0/backend/qdisk/1/51712/params = "raw:rbd:pool/web1:id=admin:key=AQhush==:conf=/etc/c"',
    '/local/domain/0/backend/vbd/1/51728/params = "iqn=iqn.2001-05.com.example:web1,user=me,password=hush"',
    '/local/domain/0/backend/vbd/1/51728/state = "4"',
  ]);
  const redacted = xenstoreBackends.redact?.(result) ?? result;
  expect(redacted.stdout).not.toContain("hush");
  expect(xenstoreBackends.parse(redacted).value?.map(({ params }) => params)).toEqual([
    "raw:https://me:REDACTED@store/a.iso", "raw:rbd:pool/web1:id=admin:key=REDACTED:conf=/etc/c",
    "iqn=iqn.2001-05.com.example:web1,user=me,password=REDACTED",
  ]);
});

test("of what is no file of Dom0's", () => {
  const result = said(["missing /dev/https://me:hush@store/a.iso", "missing /srv/a.img"]);
  const redacted = diskTargets.redact?.(result) ?? result;
  expect(redacted.stdout).toBe("missing /dev/https://me:REDACTED@store/a.iso\nmissing /srv/a.img\n");
  expect(diskTargets.parse(redacted).value).toHaveLength(2);
});

test("of what a QEMU has open", () => {
  const view = { domid: 3, disks: [], nodes: [{ node: "#block1", path: "https://me:hush@store/a.iso", driver: "https", bytes: 4096 }], jobs: [] };
  const result = said([JSON.stringify(view), "no JSON"]);
  const redacted = qemuBlocks.redact?.(result) ?? result;
  expect(redacted.stdout).toBe(`${JSON.stringify(view).replace("hush", "REDACTED")}\nno JSON\n`);
});
