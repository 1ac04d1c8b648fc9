// Makes small file systems with the tools of this machine and records their first 8 KiB, together with what the
// tools themselves say of them. Needs no root.
// Usage: npm run build && node dist/test/facts/superblocks/record.js test/facts/superblocks [NAME…]
import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, readSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

type Argv = readonly [string, ...string[]];

const MIB = 1024 * 1024;
const UUID = "11111111-2222-3333-4444-555555555555";
const mke2fs = (...args: string[]): Argv => ["mke2fs", "-q", "-F", "-U", UUID, ...args];
const xfs = (...args: string[]): Argv => ["mkfs.xfs", "-q", "-f", "-m", `uuid=${UUID}`, ...args];
const sh = (script: string): Argv => ["sh", "-c", script];

/** name → MiB and commands; FILE stands for the image. */
const cases: Readonly<Record<string, readonly [number, ...Argv[]]>> = {
  "ext2": [8, mke2fs("-t", "ext2", "-L", "old-root", "FILE")],
  "ext2-revision-0": [4, mke2fs("-t", "ext2", "-r", "0", "FILE")],
  "ext3": [16, mke2fs("-t", "ext3", "-L", "sixteen-letters!", "FILE")],
  "ext3-big-inodes": [16, mke2fs("-t", "ext3", "-I", "256", "-m", "2.5", "FILE")],
  "ext4-debian-12": [32, mke2fs("-t", "ext4", "-L", "web1-root", "FILE")],
  "ext4-4k-blocks": [32, mke2fs("-t", "ext4", "-b", "4096", "-m", "0", "FILE")],
  "ext4-no-journal": [16, mke2fs("-t", "ext4", "-O", "^has_journal", "FILE")],
  "ext4-lenny": [16, mke2fs("-t", "ext4", "-O", "^metadata_csum,^64bit,^flex_bg,uninit_bg", "-I", "128", "FILE")],
  "ext4-much": [
    32, mke2fs("-t", "ext4", "-b", "4096", "-O", "bigalloc,inline_data,project,quota,casefold,encrypt", "FILE"),
  ],
  "ext4-unicode-label": [16, mke2fs("-t", "ext4", "-L", "wurzel-ü", "FILE")],
  "ext4-dirty": [16, mke2fs("-t", "ext4", "FILE"), ["debugfs", "-w", "-R", "feature needs_recovery", "FILE"]],
  "ext4-errors": [16, mke2fs("-t", "ext4", "FILE"), ["debugfs", "-w", "-R", "ssv state 2", "FILE"]],
  "ext4-after-dos-table": [16, mke2fs("-t", "ext4", "FILE"), sh("echo ';' | sfdisk -q FILE")],
  "ext-journal-device": [8, mke2fs("-O", "journal_dev", "FILE")],
  "xfs": [320, xfs("-L", "web1-root", "FILE")],
  "xfs-v4": [320, xfs("-m", "crc=0", "FILE")],
  "xfs-plain-v5": [
    320, xfs("-m", "reflink=0,rmapbt=0,bigtime=0,inobtcount=0,finobt=0", "-i", "sparse=0,size=1024", "FILE"),
  ],
  "xfs-everything": [320, xfs("-m", "rmapbt=1", "-i", "nrext64=1", "-s", "size=4096", "FILE")],
  "xfs-1k-blocks": [320, xfs("-b", "size=1024", "-n", "size=8192", "FILE")],
  "swap": [4, ["mkswap", "-q", "-U", UUID, "-L", "web1-swap", "FILE"]],
  "swap-8k-pages": [4, ["mkswap", "-q", "-p", "8192", "-U", UUID, "FILE"]],
  "swap-over-ext4": [16, mke2fs("-t", "ext4", "FILE"), ["mkswap", "-q", "-U", UUID, "FILE"]],
  "dos": [8, sh("printf 'label: dos\\n,2M,83,*\\n,,82\\n' | sfdisk -q FILE")],
  "gpt": [8, sh("printf 'label: gpt\\n,2M\\n' | sfdisk -q FILE")],
  "qcow2": [8, ["qemu-img", "create", "-q", "-f", "qcow2", "FILE", "1G"]],
  "vhd": [8, ["qemu-img", "create", "-q", "-f", "vpc", "FILE", "1G"]],
  "vhdx": [8, ["qemu-img", "create", "-q", "-f", "vhdx", "FILE", "1G"]],
  "vmdk": [8, ["qemu-img", "create", "-q", "-f", "vmdk", "FILE", "1G"]],
  "text": [1, sh("head -c 9000 /usr/share/common-licenses/GPL-3 > FILE")],
  "zero": [1],
};

/** What a command prints, whatever its exit code; undefined where it is not there. */
function run(command: Argv, file: string): string | undefined {
  const [program, ...args] = command.map((word) => word.replaceAll("FILE", file));
  try {
    return execFileSync(program ?? "", args, {
      encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" },
    }).replaceAll(file, "FILE");
  } catch (error) {
    const { code, stdout } = error as { code?: string; stdout?: string };
    return code === "ENOENT" ? undefined : stdout ?? "";
  }
}

/** Version of the program that made it, or of the one inside `sh -c`. */
function version(command: Argv): string {
  const program = command[0] === "sh" ? /sfdisk|head/.exec(command[2] ?? "")?.[0] ?? "" : command[0];
  const option = program.startsWith("mk") ? "-V" : "--version";
  return execFileSync("sh", ["-c", `${program} ${option} 2>&1`], { encoding: "utf8" }).split("\n")[0]?.trim() ?? "";
}

const [target = ".", ...wanted] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "superblocks-"));
for (const [name, [mebibytes, ...commands]] of Object.entries(cases)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const file = join(directory, `${name}.img`);
  writeFileSync(file, "");
  truncateSync(file, mebibytes * MIB);
  if (commands.some((command) => run(command, file) === undefined)) {
    console.error(`${name}: skipped, a tool is missing`);
    continue;
  }
  const head = Buffer.alloc(8192);
  const length = readSync(openSync(file, "r"), head, 0, 8192, 0);
  const [first] = commands;
  const recording = {
    tool: first === undefined ? "truncate" : version(first),
    commands: commands.map((command) => command.join(" ")),
    bytes: mebibytes * MIB,
    head: gzipSync(head.subarray(0, length), { level: 9 }).toString("base64"),
    says: {
      blkid: run(["blkid", "-p", "-o", "export", "FILE"], file),
      ...(name.startsWith("ext") ? { dumpe2fs: run(["dumpe2fs", "-h", "FILE"], file) } : {}),
      ...(name.startsWith("xfs")
        ? { xfs_db: run(["xfs_db", "-r", "-c", "sb 0", "-c", "print", "-c", "version", "FILE"], file) }
        : {}),
    },
  };
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(recording, null, 1)}\n`);
}
rmSync(directory, { recursive: true });
