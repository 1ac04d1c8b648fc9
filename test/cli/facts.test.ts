import { execFile, execFileSync, spawnSync } from "node:child_process";
import { chmodSync, lstatSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { FakeHost } from "./fake-host.js";
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

describe("a recording", () => {
  const files = tempFiles({
    "facts.json": readFileSync(RECORDED, "utf8"), "hosts.yml": "all: { hosts: { dom0: { ansible_connection: recorded, converge_facts: facts.json } } }\n",
    "other.txt": "of somebody's", "old.json": '{ "converge": "recording", "vers',
  });
  const record = (file: string): ReturnType<typeof cli> => cli(["facts", "-i", files["hosts.yml"], "dom0", "--record", file], { real: true });
  const isRecording = (text: string): boolean => (JSON.parse(text) as { converge?: string }).converge === "recording";

  test("can be read by its owner alone, whoever could read what had its name", async () => {
    chmodSync(files["old.json"], 0o644);
    expect((await record(files["old.json"])).exit).toBe(0);
    expect(statSync(files["old.json"]).mode & 0o777).toBe(0o600);
    expect(isRecording(readFileSync(files["old.json"], "utf8"))).toBe(true);
  });

  test.each(["other.txt", "hosts.yml"] as const)("is not written over %s, which is none, and no host is asked for it", async (name) => {
    const before = readFileSync(files[name], "utf8");
    const { exit, err } = await cli(["facts", "-i", files["hosts.yml"], "dom0", "--record", files[name]], { hosts: { dom0: new FakeHost("dom0") } });
    expect(exit).toBe(1);
    expect(err.replace(/\s+/g, " ")).toContain("is there, and is no recording: --record does not write over it");
    expect(readFileSync(files[name], "utf8")).toBe(before);
  });

  test.each([["facts", "--record"], ["plan", "--out"]])("of %s is not written in the place of a folder, and no host is asked for it", async (command, option) => {
    const host = new FakeHost("dom0");
    const book = join(files.dir, "book.yml");
    writeFileSync(book, "- hosts: all\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1 } } } }\n");
    const { exit, err } = await cli([command, "-i", files["hosts.yml"], command === "facts" ? "dom0" : book, option, files.dir], { hosts: { dom0: host } });
    expect(exit).toBe(1);
    expect(err.replace(/\s+/g, " ")).toContain("is a folder, not a file: nothing was written to it");
    expect(host.commands).toEqual([]);
  });

  test("does not go where a link of its name leads", async () => {
    const link = join(files.dir, "link.json");
    const before = readFileSync(files["old.json"], "utf8");
    symlinkSync(files["old.json"], link);
    expect((await record(link)).exit).toBe(0);
    expect(readFileSync(files["old.json"], "utf8")).toBe(before);
    expect(lstatSync(link).isFile()).toBe(true);
    expect(readdirSync(files.dir).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("goes into a pipe that is there", async () => {
    const pipe = join(files.dir, "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = promisify(execFile)("timeout", ["20", "cat", pipe], { maxBuffer: 2 ** 26 });
    expect((await record(pipe)).exit).toBe(0);
    expect(isRecording((await reader).stdout)).toBe(true);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  // a disk that there is not: whoever did write would be told so, and nothing be lost
  const made = spawnSync("mknod", [join(files.dir, "disk"), "b", "7", "1048000"]).status === 0;
  test.runIf(made)("is not written onto a disk", async () => {
    const { exit, err } = await record(join(files.dir, "disk"));
    expect(exit).toBe(1);
    expect(err.replace(/\s+/g, " ")).toContain("is a disk, not a file: nothing was written to it");
  });
});
