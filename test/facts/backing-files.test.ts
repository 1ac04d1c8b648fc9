import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fact } from "../../src/core/facts/backing-files.js";
import type { ConfiguredDisk } from "../../src/core/model/domain.js";
import type { Layers } from "../../src/core/model/storage.js";
import { MIB } from "../support/a-host.js";
import { lacks } from "../support/tools.js";

/** The command is run for real, over images with heads as docs/interop/qcow2.txt of QEMU has them, and over QEMU's own. */

const folder = mkdtempSync(join(tmpdir(), "converge layers-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const SHELLS = ["dash", "bash", "busybox sh"].filter((shell) => !shell.startsWith("busybox") || !lacks("busybox"));
const [BACKING_FORMAT, DATA_FILE] = [0xe2792aca, 0x44415441];

interface Head {
  readonly backing?: string;
  readonly format?: string;
  readonly version?: number;
  readonly data?: string;
  /** Where it says that the name is. */
  readonly from?: number;
  readonly size?: number;
}

function qcow2({ backing, format, version = 3, data, from, size }: Head): Buffer {
  const head = Buffer.alloc(65_536);
  head.write("QFI\xfb", "latin1");
  head.writeUInt32BE(version, 4);
  head.writeBigUInt64BE(BigInt(MIB), 24);
  let at = 72;
  if (version >= 3) {
    at = 112;
    head.writeUInt32BE(data === undefined ? 0 : 4, 76);
    head.writeUInt32BE(at, 100);
  }
  // QEMU writes the names of all features as well
  for (const [type, text] of [[BACKING_FORMAT, format], [0x6803f857, "many names, of 21 bytes"], [DATA_FILE, data === "" ? undefined : data]] as const) {
    if (text === undefined) continue;
    head.writeUInt32BE(type, at);
    head.writeUInt32BE(Buffer.byteLength(text), at + 4);
    head.write(text, at + 8);
    at += 8 + Math.ceil(Buffer.byteLength(text) / 8) * 8;
  }
  at += 8;
  if (backing !== undefined) {
    head.writeBigUInt64BE(BigInt(from ?? at), 8);
    head.writeUInt32BE(size ?? Buffer.byteLength(backing), 16);
    head.write(backing, at);
  }
  return head;
}

function file(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  utimesSync(path, 1000, 1000);
  return path;
}

function ask(paths: readonly string[]) {
  const disks = paths.map((target): ConfiguredDisk => ({
    vdev: "xvda", target, format: "qcow2", access: "rw", removable: false, range: { start: 0, end: 0 }, raw: target,
  } as unknown as ConfiguredDisk));
  return fact.command({ storedConfigs: [{ domid: 1, disks } as never] });
}

function look(shell: string, paths: readonly string[], path = process.env["PATH"]): readonly Layers[] {
  const [sh = "", ...rest] = shell.split(" ");
  const command = ask(paths) ?? ["false"];
  const stdout = execFileSync(sh, [...rest, ...command.slice(1)], { encoding: "utf8", env: { ...process.env, PATH: path } });
  const { value = [], diagnostics } = fact.parse({ exitCode: 0, stdout, stderr: "" });
  expect(diagnostics).toEqual([]);
  expect(value.map(({ path }) => path)).toEqual([...paths].sort());
  return value.map(({ layers }) => layers);
}

/** By name and identity. */
function layer(path: string, as: string = path): Layers["files"][number] {
  const { ino, dev } = statSync(path);
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  return { path: as, inode: ino, devno: `${String(major)}:${String(minor)}` };
}

const base = file("base image.img", "\0".repeat(8192));
const named = file("-b *ä $(x)  'y'.img", "named");
const small = file("QFI.img", "QFI");
const middle = file("middle.qcow2", qcow2({ backing: base, format: "raw" }));
const hostile = file("hostile.img", qcow2({ backing: "/etc/passwd", format: "raw" }));
mkdirSync(join(folder, "links"));
const linked = join(folder, "links/linked.qcow2");
const besides = file("links/besides.img", "besides");
const meant = file("meant.qcow2", qcow2({ backing: "besides.img", format: "raw" }));
symlinkSync(meant, linked);
file("loop.qcow2", qcow2({ backing: "loop.qcow2", format: "qcow2" }));

// in `npm test` by one of them
for (const shell of SHELLS) describe(`under ${shell}`, { tags: shell === "dash" ? [] : ["long"] }, () => {
  test.each<readonly [what: string, head: Head, layers: Layers]>([
    ["nothing", {}, { files: [] }],
    ["a file", { backing: base, format: "raw" }, { files: [layer(base)] }],
    ["a file, says one of version 2", { backing: base, format: "raw", version: 2 }, { files: [layer(base)] }],
    ["a file that it does not say the format of", { backing: base }, { files: [layer(base)] }],
    ["one that is called otherwise", { backing: named, format: "raw" }, { files: [layer(named)] }],
    ["a small one", { backing: small }, { files: [layer(small)] }],
    ["a file beside it", { backing: "base image.img", format: "raw" }, { files: [layer(base)] }],
    ["a chain", { backing: "middle.qcow2", format: "qcow2" }, { files: [layer(middle), layer(base)] }],
    ["a chain that nobody says is one", { backing: "./middle.qcow2" }, { files: [layer(middle, `${folder}/./middle.qcow2`), layer(base)] }],
    ["a raw disk in which a guest has written such a head", { backing: hostile, format: "raw" }, { files: [layer(hostile)] }],
    ["its data", { data: base }, { files: [layer(base)] }],
    ["its data, and another file", { data: base, backing: middle, format: "qcow2" }, { files: [layer(base), layer(middle), layer(base)] }],
  ])("a disk is laid over %s", (_, head, layers) => {
    const path = file("disk  of a clone.qcow2", qcow2(head));
    expect(look(shell, [path])).toEqual([layers]);
    expect(statSync(path).atimeMs, "it is not even seen to have been read").toBe(1_000_000);
  });

  test.each<readonly [what: string, head: Head, untold: RegExp]>([
    ["a name in JSON", { backing: 'json:{"driver":"ssh","password":"geheim","path":"/x"}' }, /^a name that is no file's$/],
    ["a name on the net", { backing: "nbd://me:geheim@host/x" }, /^a name that is no file's$/],
    ["a name that is not there", { backing: "is-not-there.img", format: "raw" }, /is-not-there\.img, which is not there$/],
    ["a name of two lines", { backing: "/srv/a\n/srv/b" }, /in which the name can not be read$/],
    ["a name behind its end", { backing: base, from: 65_530 }, /in which the name can not be read$/],
    ["a name that is too long", { backing: base, size: 1024 }, /in which the name can not be read$/],
    ["a name that is nowhere near", { backing: base, from: 2 ** 33 }, /whose head is none$/],
    ["a format that nobody follows", { backing: base, format: "vmdk" }, /which is no qcow2 that can be read$/],
    ["what is said to be qcow2 and is not", { backing: base, format: "qcow2" }, /which is no qcow2 that can be read$/],
    ["a device that is no disk", { backing: "/dev/null", format: "raw" }, /^a file of which nothing can be read$/],
    ["data that it does not say the name of", { data: "" }, /the file of its data, which it does not say/],
    ["data at a relative name", { data: "base image.img" }, /the file of its data, which it does not say/],
  ])("it is told that it can not be told: %s", (_, head, untold) => {
    const [found] = look(shell, [file("untold.qcow2", qcow2(head))]);
    expect(found?.untold).toMatch(untold);
    expect(JSON.stringify(found)).not.toContain("geheim");
  });

  test("relative names are those beside the name that QEMU is given; beside what a link means there may be another", () => {
    expect(look(shell, [linked])).toEqual([{ files: [layer(besides)] }]);
    const other = file("besides.img", "the other");
    expect(look(shell, [linked])[0]?.files).toEqual([layer(besides), layer(other)]);
    rmSync(other);
    expect(look(shell, [meant])[0]?.untold).toMatch(/which is not there/);
  });

  test("a circle has an end, and what is cut off, or no qcow2, says nothing", () => {
    expect(look(shell, [join(folder, "loop.qcow2")])[0]?.untold).toBe("what lies below so many files");
    const cut = file("cut.qcow2", qcow2({ backing: base }).subarray(0, 90));
    const early = file("early.qcow2", qcow2({ backing: base, format: "raw" }).subarray(0, 116));
    expect(look(shell, [base, cut, early]).map(({ untold }) => untold)).toEqual([
      expect.stringMatching(/base image\.img, which is no qcow2/), expect.stringMatching(/cut\.qcow2, which is no/), expect.stringMatching(/early\.qcow2, whose head has no end/),
    ]);
  });

  test("what is there and can not be read is not taken for raw", () => {
    // as a file on NFS that root may not read, or a disk with a bad block
    const bin = join(folder, "bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "dd"), `#!/bin/sh\ncase " $* " in *"if=${middle} "*) echo "dd: Permission denied" >&2; exit 1 ;; esac\nPATH=\${PATH#*:}\nexec dd "$@"\n`, { mode: 0o755 });
    const path = file("over-unreadable.qcow2", qcow2({ backing: middle }));
    expect(look(shell, [path])).toEqual([{ files: [layer(middle), layer(base)] }]);
    // the shell of busybox has a dd of its own
    if (shell.startsWith("busybox")) return;
    expect(look(shell, [path], `${bin}:${process.env["PATH"] ?? ""}`)).toEqual([{ files: [layer(middle)], untold: `${middle}, which can not be read` }]);
  });

  test.skipIf(lacks("qemu-img"))("of QEMU's own images it is what qemu-img has made them over", () => {
    const image = (...words: readonly string[]): void => {
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...words], { cwd: folder, stdio: "ignore" });
    };
    image("-b", base, "-F", "raw", "one.qcow2");
    image("-b", "one.qcow2", "-F", "qcow2", "-o", "compat=0.10", "two.qcow2");
    image("-o", `data_file=${join(folder, "data.raw")}`, "three.qcow2", "1M");
    const [one, three, two] = look(shell, ["one.qcow2", "three.qcow2", "two.qcow2"].map((name) => join(folder, name)));
    expect(one).toEqual({ files: [layer(base)] });
    expect(two).toEqual({ files: [layer(join(folder, "one.qcow2")), layer(base)] });
    expect(three).toEqual({ files: [layer(join(folder, "data.raw"))] });
  });
});

test("nothing is asked where every disk is raw, and what is missing or cut off is nothing", () => {
  expect(fact.command({ storedConfigs: [{ domid: 1, disks: [{ target: "/srv/a.img", format: "raw" }] } as never] })).toBeUndefined();
  for (const stdout of ["", "disk /a\n", "layer 81a4 1 2 0:0 /a\ntold\n", "nonsense\ntold\n"]) {
    expect(fact.parse({ exitCode: 0, stdout, stderr: "" }).value, stdout).toBeUndefined();
  }
  expect(fact.parse({ exitCode: 0, stdout: "disk /a\nlayer 21b6 5 6 1:3 /dev/null\ntold\n", stderr: "" }).value)
    .toEqual([{ path: "/a", layers: { files: [], untold: "a file of which nothing can be read" } }]);
});
