import { execFile, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { lacks } from "../support/tools.js";
import { endAllWith } from "./processes.js";

export type Shell = "dash" | "bash" | "busybox sh";
/** The shells that the runtime has to run under, as far as they are installed. */
export const SHELLS: readonly Shell[] = lacks("busybox") ? ["dash", "bash"] : ["dash", "bash", "busybox sh"];

const TOOLS = [
  "lvs", "vgs", "lvcreate", "lvremove", "lvchange", "lvextend", "mkfs.stub", "blkid", "losetup", "dmsetup", "mdadm", "mount", "umount",
  "drbdsetup", "drbdmeta", "drbdadm", "truncate", "dd", "cmp", "e2fsck", "dumpe2fs",
  "blkdiscard", "xl", "xenstore-list", "xenstore-ls", "xenstore-read", "xenstore-write", "systemd-run", "systemctl", "rsync", "sleep", "stat",
];
const STUB = join(dirname(fileURLToPath(import.meta.url)), "stubs", "tool");
const PARTS = join(dirname(STUB), "parts");
/** The interpreter itself, as a Dom0 has it: what comes first in the PATH may be a script that looks for one at every call. */
const PYTHON = "/usr/bin/python3";

/** Hosts are made and thrown away by the hundred, and nothing of them outlives a test: in memory where that can be. */
export const SCRATCH = process.env["TMPDIR"] ?? (holdsPrograms("/dev/shm") ? "/dev/shm" : tmpdir());

/** A file system in memory, from which a tool that a test writes may be run (containers often forbid that). */
function holdsPrograms(folder: string): boolean {
  const mounts = existsSync("/proc/mounts") ? readFileSync("/proc/mounts", "utf8").split("\n") : [];
  const [, , type, options = ""] = mounts.find((line) => line.split(" ")[1] === folder)?.split(" ") ?? [];
  return type === "tmpfs" && options.split(",").includes("rw") && !options.split(",").includes("noexec");
}

/** `npm run laws` kills programs in every way there is, `npm run test:all` in a share of them that has every call in it. */
export const EVERY = process.env["LAWS_TIMES"] !== undefined;

/** What is in a file, if it is there. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The shell of one of many ways to be killed: each has its turn, and bash, which takes the longest, has fewer in `npm run test:all`. */
export function shellOf(number: number): Shell {
  const turns: readonly Shell[] = EVERY ? SHELLS : ["dash", "busybox sh", "dash", "busybox sh", "dash", "bash"];
  return turns[number % turns.length] ?? "dash";
}

function installed(shell: Shell): Shell {
  return SHELLS.includes(shell) ? shell : "dash";
}

/** The shells for something that is done in several ways: by turns, or in `npm run laws` all for each. */
export function shellsOf(turn: number): readonly Shell[] {
  return SHELLS.filter((_, index) => EVERY || index === turn % SHELLS.length);
}

/** In `npm test` a case has one shell, by turns; under the others it is `long`. */
export function byTurns(turn: number, shell: Shell): { readonly tags: string[] } {
  return { tags: SHELLS.indexOf(shell) === turn % SHELLS.length ? [] : ["long"] };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Dom0 made of files in a directory of its own, for programs that are really run. */
export class StubHost {
  readonly root: string;
  readonly state: string;
  #shell: Shell;
  #run = "1";
  readonly safe: string;
  readonly domain: string;
  /** The guest's, in /etc/xen. */
  readonly config: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(shell: Shell, domain = "web1", safe = "web1", config = "guest.cfg") {
    this.#shell = installed(shell);
    this.domain = domain;
    this.safe = safe;
    this.root = mkdtempSync(join(SCRATCH, "converge-program-"));
    this.state = join(this.root, "state");
    this.config = join(this.root, "etc/xen", config);
    const bin = join(this.root, "bin");
    for (const folder of [
      "state/doms", "state/loops", "state/lv/vg0", "bin", "dev/vg0", "dev/mapper", "state/dm", "proc/sys/kernel/random", "proc/self", "run/systemd/system",
      "run/converge", "etc/systemd/system", "etc/xen", "srv", "sys/bus/xen-backend/devices", "sys/block", "dev/md", "var/lib/xen/save",
    ]) {
      mkdirSync(join(this.root, folder), { recursive: true });
    }
    for (const tool of TOOLS) symlinkSync(STUB, join(bin, tool));
    // nothing here needs to outlive a power cut, and it is called most
    symlinkSync("/bin/true", join(bin, "sync"));
    if (existsSync(PYTHON)) symlinkSync(PYTHON, join(bin, "python3"));
    writeFileSync(join(this.state, "mounts"), "");
    writeFileSync(join(this.state, "next-domid"), "6");
    writeFileSync(join(this.root, "proc/self/mountinfo"), "");
    writeFileSync(join(this.root, "proc/meminfo"), "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n");
    writeFileSync(join(this.root, "proc/sys/kernel/random/boot_id"), "boot-1\n");
    mkdirSync(dirname(this.throttle), { recursive: true });
    writeFileSync(this.throttle, "100\n");
    for (const file of ["proc/sys/kernel/hostname", "sys/module/drbd/parameters/usermode_helper", "sbin/drbdadm"]) {
      mkdirSync(dirname(join(this.root, file)), { recursive: true });
    }
    writeFileSync(join(this.root, "proc/sys/kernel/hostname"), "dom0\n");
    writeFileSync(join(this.root, "sys/module/drbd/parameters/usermode_helper"), "/sbin/drbdadm\n");
    writeFileSync(join(this.root, "sbin/drbdadm"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    writeFileSync(this.image, "an image");
    writeFileSync(this.snapshotImage, "an image in a snapshot");
    writeFileSync(join(this.root, "dev/vg0/srv"), "fd:f\n");
    writeFileSync(join(this.state, "lv/vg0/srv"), "4096|other|-wi-ao----||\n");
    writeFileSync(this.config, `name = ${domain}\ndisk = xvda1|${this.image}\nvncpasswd = s3cret\n`);
    chmodSync(this.config, 0o640);
    this.#env = {
      ...process.env,
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      STUB_STATE: this.state,
      STUB_PARTS: PARTS,
      CONVERGE_ROOT: this.root,
      REAL_SLEEP: "/bin/sleep",
      REAL_STAT: "/usr/bin/stat",
      TEST_SHELL: this.#shell,
    };
    execFileSync(join(bin, "xl"), ["create", "-f", this.config], { env: this.#env });
    const [domid = ""] = readdirSync(join(this.state, "doms"));
    writeFileSync(join(this.state, "doms", domid, "vm"), "/vm/uuid-of-it");
    this.forgetCalls();
  }

  get shell(): Shell {
    return this.#shell;
  }

  /** From here on programs run under another one: what is on disk is the same for all. */
  under(shell: Shell): void {
    this.#shell = installed(shell);
    this.#env["TEST_SHELL"] = this.#shell;
  }

  get image(): string {
    return join(this.root, "srv/disk.img");
  }
  get snapshotImage(): string {
    return join(this.root, "srv/snapshot.img");
  }
  /** The kernel's one throttle for all mirrors. */
  get throttle(): string {
    return join(this.root, "sys/module/dm_mirror/parameters/raid1_resync_throttle");
  }
  get book(): string {
    return join(this.root, "var/lib/converge/domains", this.safe);
  }
  get runDirectory(): string {
    return join(this.book, "runs", this.#run);
  }
  get program(): string {
    return join(this.runDirectory, "program.sh");
  }

  /** Puts a program where the submission would put it, as the newest run of its guest. */
  install(program: string, run = "1"): void {
    this.#run = run;
    mkdirSync(this.runDirectory, { recursive: true });
    writeFileSync(this.program, program);
    writeFileSync(join(this.runDirectory, "owner"), "alice\n");
    writeFileSync(join(this.runDirectory, "since"), "1700000000\n");
    if (run !== "1") rmSync(join(this.book, "current"), { force: true });
    symlinkSync(join("runs", run), join(this.book, "current"));
    writeFileSync(join(this.state, "run-dir"), this.runDirectory);
  }

  /** What a test tells the stubs: `fail`, `kill-before`, `kill-after`, `stop-after`… */
  tell(name: string, value = ""): void {
    // whole or not there: the stubs read it at any moment, and half a word is another answer
    const told = join(this.state, name);
    const draft = join(dirname(told), `.${basename(told)}.new`);
    writeFileSync(draft, value);
    renameSync(draft, told);
  }

  untell(name: string): void {
    rmSync(join(this.state, name), { force: true });
  }

  /** Runs a mode of the program in a process group of its own, which the stubs may kill. */
  async run(...args: readonly string[]): Promise<Ran> {
    return this.start(...args).ended;
  }

  start(...args: readonly string[]): { readonly kill: () => void; readonly ended: Promise<Ran> } {
    return this.#spawn([...this.shell.split(" "), this.program, ...args]);
  }

  async command(argv: readonly string[], input?: Uint8Array): Promise<Ran> {
    return this.#spawn(argv, input).ended;
  }

  #spawn(argv: readonly string[], input?: Uint8Array): { readonly kill: () => void; readonly ended: Promise<Ran> } {
    // the group's number is known before anything that might need it runs
    const script = argv[0] === "sh" ? argv : ["sh", "-c", 'echo $$ >"$STUB_STATE/group"; exec "$@"', "sh", ...argv];
    const [file = "", ...args] = script;
    const child = spawn(file, args, { env: this.#env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString("utf8")));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString("utf8")));
    const ended = new Promise<Ran>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => {
        // what it wrote last is in the pipes by now; its children may keep those open for long. A timer alone may end before they are read.
        const drain = (before: number, turns: number): void => {
          setImmediate(() => {
            const read = stdout.length + stderr.length;
            if (turns === 0) resolve({ code, stdout, stderr });
            else drain(read, read === before ? turns - 1 : 3);
          });
        };
        setTimeout(() => {
          drain(-1, 3);
        }, 5);
      });
    });
    return {
      kill: () => {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      },
      ended,
    };
  }

  /** The calls that changed something, in order. */
  calls(): readonly string[] {
    return this.lines(join(this.state, "calls"));
  }

  /** What was called until now counts no more. */
  forgetCalls(): void {
    for (const noted of ["calls", "calls-made"]) rmSync(join(this.state, noted), { force: true });
  }

  journalText(): string {
    const path = join(this.runDirectory, "journal.jsonl");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  ended(): string | undefined {
    const path = join(this.runDirectory, "ended");
    return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
  }

  lines(path: string): readonly string[] {
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line) => line !== "") : [];
  }

  /** The commit was begun. */
  committing(): boolean {
    return existsSync(join(this.runDirectory, "committing"));
  }

  /** What a killed program had running in a scope of its own has ended. */
  async scopesEnded(): Promise<void> {
    const creating = join(this.runDirectory, "creating");
    for (let tries = 200; tries > 0 && textOf(creating)?.includes("starting") === false; tries -= 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What a reboot of Dom0 takes: processes, guests, loops, mounts, /run. The books and the volumes stay. */
  forget(): void {
    this.endAll();
    for (const folder of ["state/doms", "state/dm", "dev/mapper", "state/loops", "run/converge", "sys/bus/xen-backend/devices", "sys/block", "dev/md"]) {
      rmSync(join(this.root, folder), { recursive: true });
      mkdirSync(join(this.root, folder));
    }
    for (const name of readdirSync(join(this.root, "dev")).filter((device) => /^(loop|md|drbd)\d/.test(device))) {
      rmSync(join(this.root, "dev", name));
    }
    for (const gone of ["state/drbd", "proc/drbd", "dev/drbd", "run/drbd", "sys/dev"]) rmSync(join(this.root, gone), { recursive: true, force: true });
    writeFileSync(join(this.state, "mounts"), "");
    writeFileSync(join(this.root, "proc/self/mountinfo"), "");
    writeFileSync(join(this.root, "proc/sys/kernel/random/boot_id"), "boot-2\n");
    writeFileSync(this.throttle, "100\n");
  }

  /** The guests that are there: state and disk of each. */
  guests(): readonly { readonly domid: string; readonly state: string; readonly disk: string }[] {
    return readdirSync(join(this.state, "doms")).map((domid) => {
      const folder = join(this.state, "doms", domid);
      const [vbd = ""] = readdirSync(join(folder, "vbd"));
      return {
        domid,
        state: readFileSync(join(folder, "state"), "utf8"),
        disk: readFileSync(join(folder, "vbd", vbd, "params"), "utf8").replace(this.root, ""),
      };
    });
  }

  /** A tool of the host's is another one from now on, by which the stub is called as `$REAL`. */
  wrap(tool: string, script: string): void {
    const path = join(this.root, "bin", tool);
    const real = join(this.root, "bin/real", tool);
    mkdirSync(join(this.root, "bin/real"), { recursive: true });
    symlinkSync(readlinkSync(path), real);
    rmSync(path);
    writeFileSync(path, `#!/bin/sh\nREAL='${real}'\n${script}`, { mode: 0o755 });
  }

  /** What a run may leave of what it made, and should not. */
  leftovers(): readonly string[] {
    const mounts = this.lines(join(this.state, "mounts")).map((line) => `mount ${line}`);
    const guestLoops = this.guests().filter((guest) => guest.disk.startsWith("/srv")).length;
    const loops = readdirSync(join(this.state, "loops")).slice(guestLoops).map((loop) => `loop ${loop}`);
    const snapshots = readdirSync(join(this.state, "lv/vg0")).filter((name) => name.startsWith("converge-"));
    const units = this.#tree("etc/systemd/system").filter((name) => name.includes("converge"));
    const run = existsSync(join(this.root, "run/converge", this.safe)) ? ["run directory"] : [];
    const drafts = readdirSync(join(this.root, "etc/xen")).filter((name) => name.startsWith("."));
    // what DRBD has is a guest's device, or is not to be there
    const helpers = existsSync(join(this.root, "run/drbd")) ? readdirSync(join(this.root, "run/drbd")) : [];
    const throttled = readFileSync(this.throttle, "utf8") === "100\n" && !existsSync(join(this.root, "run/converge/throttle")) ? [] : ["throttle"];
    const turn = readdirSync(join(this.root, "run")).includes("converge") ? readdirSync(join(this.root, "run/converge")).filter((name) => name.startsWith(".turn")) : [];
    return [...mounts, ...loops, ...snapshots, ...units, ...run, ...drafts, ...helpers, ...throttled, ...turn];
  }

  #tree(folder: string): readonly string[] {
    return readdirSync(join(this.root, folder), { recursive: true, encoding: "utf8" });
  }

  /** Ends what programs have left at work: a watchman of the guest, say. */
  endAll(): void {
    endAllWith(`CONVERGE_ROOT=${this.root}`);
  }

  remove(): void {
    this.endAll();
    // what runs in a scope of its own may still be writing: a file that comes after its folder was listed makes rmdir
    // fail, and rmSync's own retries do not list it again
    for (let tries = 100; ; tries -= 1) {
      try {
        rmSync(this.root, { recursive: true, force: true });
        return;
      } catch (error) {
        if (tries === 0) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      }
    }
  }
}

/**
 * Waits until something holds, five minutes at most.
 * @param host its journal is told where that does not come about
 */
export async function until(holds: () => boolean, host?: StubHost): Promise<void> {
  for (let tries = 15_000; !holds(); tries -= 1) {
    if (tries === 0) throw new Error(`it did not come about: ${host?.journalText() ?? ""}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** How many of what `inParallel` runs are at work at a time, for all tests together that run beside each other in a process. */
const AT_WORK = 3;
let free = AT_WORK;
const inLine: (() => void)[] = [];

async function inTurn(work: () => Promise<void>): Promise<void> {
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => inLine.push(resolve));
  try {
    await work();
  } finally {
    const next = inLine.shift();
    if (next === undefined) free += 1;
    else next();
  }
}

/**
 * Runs as many at a time as there is to gain.
 * @param width of what waits most of its time: so many of them, whatever else is at work
 */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>, width?: number): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const one = item;
      await (width === undefined ? inTurn(() => work(one)) : work(one));
    }
  };
  await Promise.all(Array.from({ length: width ?? AT_WORK }, worker));
}

/** A shell snippet over the runtime's functions. It is read from a file: the kernel takes no word of more than 128 KiB. */
export async function evaluate(shell: Shell, script: string, args: readonly string[] = []): Promise<Ran> {
  const [file = "", ...rest] = shell.split(" ");
  const folder = mkdtempSync(join(SCRATCH, "converge-snippet-"));
  const snippet = join(folder, "snippet.sh");
  writeFileSync(snippet, script);
  return new Promise((resolve) => {
    execFile(file, [...rest, "-c", `. '${snippet}'`, "/nowhere/sh", ...args], { encoding: "utf8" }, (error, stdout, stderr) => {
      rmSync(folder, { recursive: true });
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}
