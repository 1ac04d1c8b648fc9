import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

interface Recording {
  readonly results: Record<string, { exitCode: number; stdout: readonly string[]; stderr: readonly string[] }>;
}

const RECORDED = fileURLToPath(new URL("../observe/recorded/lab-web1-running.json", import.meta.url));

/** A host of one config; a recording of converge's own would hold no password, as this one does. */
function recordingWith(config: string): string {
  const recording = JSON.parse(readFileSync(RECORDED, "utf8")) as Recording;
  const content = Buffer.from(`${config}\nend-of-config\n`).toString("base64");
  recording.results["xl-configs"] = {
    exitCode: 0, stderr: [""],
    stdout: ["path /etc/xen/web1.cfg", `stat 600 4711 ${Buffer.byteLength(config)}`, "/etc/xen/web1.cfg", "content", content, ""],
  };
  return JSON.stringify(recording);
}

test("what is seen on a host is shown for programs, and no password of a config", async () => {
  const config = [
    "name = 'web1'", "kernel = '/boot/vmlinuz'", "extra = 'console=hvc0 initpasswd=hunter1 ro'", "vncpasswd = 'hunter2'", "vfb = [ 'vnc=1,vncpasswd=hunter3' ]",
    "disk = [ '/srv/xen/web1.img,raw,xvda1,w' ]", "",
  ].join("\n");
  const files = tempFiles({ "facts.json": recordingWith(config), "hosts.yml": "all: { hosts: { dom0: { ansible_connection: recorded, converge_facts: facts.json } } }\n" });
  const { exit, out } = await cli(["facts", "-i", files["hosts.yml"], "dom0", "--json"], { real: true });
  expect(exit).toBe(0);
  expect(out).toContain("/srv/xen/web1.img,raw,xvda1,w");
  expect(out).toContain("vncpasswd = 'REDACTED'");
  expect(out).not.toContain("hunter");
});
