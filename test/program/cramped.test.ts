import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { copyFiles } from "../../src/core/steps/copy-files.js";
import { lacks } from "../support/tools.js";
import { copiedFiles } from "./copied-files.js";
import { SHELLS, StubHost, byTurns, evaluate, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveProgram } from "./plan.js";

const scratch = mkdtempSync(join(tmpdir(), "converge-cramped-"));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

function write(root: string, files: Readonly<Record<string, string>>, mtime: number): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, ".."), { recursive: true });
    writeFileSync(join(root, name), text);
    utimesSync(join(root, name), mtime, mtime);
  }
}

/** A host whose copy finds no room as long as a file that is replaced is there beside the new one. */
class Cramped {
  readonly source: string;
  readonly target: string;
  readonly outside: string;
  readonly #runtime: string;

  constructor(shell: Shell) {
    const { home, ...files } = copiedFiles(scratch, shell);
    ({ source: this.source, target: this.target, outside: this.outside, runtime: this.#runtime } = files);
    mkdirSync(join(home, "bin"));
    // what the file system itself would do: old and new of one file are too much
    const room = `[ "$(find '${this.target}' -type f -size +8k | wc -l)" -eq 0 ]`;
    const rsync = `#!/bin/sh\ncase " $* " in *" --dry-run "*) ;; *) ${room} || { echo "rsync: [receiver] write failed on \\"x\\": No space left on device (28)" >&2; exit 11; } ;; esac\nexec /usr/bin/rsync "$@"\n`;
    writeFileSync(join(home, "bin/rsync"), rsync, { mode: 0o755 });
    this.#bin = join(home, "bin");
  }

  readonly #bin: string;

  /** The step's own command, in the runtime's own verbs. */
  async copy(shell: Shell, times = 1): Promise<string> {
    const args = { name: "c", source: this.source, target: this.target, from: "i", to: "v", role: "delta", compare: "times", throttle: {} } as const;
    const [, room, copy] = copyFiles.actions(args);
    if (room === undefined || !("verb" in room) || copy === undefined || !("command" in copy)) throw new Error("the step has other actions");
    const script = `${this.#runtime}
PATH='${this.#bin}':$PATH STEP=1 OUT=$HERE/out/1.log
journal() { printf '%s ' "$@"; echo; }
heed_stop() { :; }
stop_asked() { return 1; }
step_1() { :; }
target=$1
shift
for time in ${Array.from({ length: times }, (_, i) => String(i)).join(" ")}; do
  [ "$time" -eq 0 ] || printf more >>'${this.source}/big'
  verb_if_no_room "$target"
  verb_copy c delta -- "$@"
  echo "$? $SAYS"
done`;
    const [, ...verb] = room.verb ?? [];
    const { stdout, stderr } = await evaluate(shell, script, [...verb, ...copy.command]);
    return stdout.split("\n").filter((line) => !line.startsWith("progress ")).join("\n") + stderr;
  }

  differs(): string {
    return execFileSync("/usr/bin/rsync", ["-aHXn", "--delete", "--modify-window=-1", "--itemize-changes", `${this.source}/`, `${this.target}/`], { encoding: "utf8" });
  }
}

const BIG = "x".repeat(10_000);
const SAID = `watch id program what TARGET value no room for a changed file acted what is to be replaced goes first `;

describe.skipIf(lacks("rsync"))("a copy with no room for a changed file beside the old one", () => {
  for (const shell of SHELLS) it.concurrent(`gets it from what is to be replaced, and is whole (${shell})`, byTurns(0, shell), async () => {
    const host = new Cramped(shell);
    write(host.target, { big: BIG, "dir/a b": BIG, ü: BIG, "-n": BIG, "$(id)": BIG, same: "same", "new\nline": "old", "x\\#012y": "old", "was dir/file": "old", gone: "old" }, 1e9);
    write(host.source, { big: `${BIG}1`, "dir/a b": `${BIG}2`, ü: `${BIG}3`, "-n": `${BIG}4`, "$(id)": `${BIG}5`, "new\nline": "newer", "x\\#012y": "newer" }, 1.1e9);
    write(host.source, { same: "same", "was dir": "a file now", sub: "a file" }, 1e9);
    // two names of one file, parted since: what is written to one of them is not the other's
    write(host.target, { one: "linked" }, 1e9);
    linkSync(join(host.target, "one"), join(host.target, "other"));
    write(host.source, { one: "parted", other: "linked" }, 1e9);
    utimesSync(join(host.source, "one"), 1.1e9, 1.1e9);
    const same = statSync(join(host.target, "same")).ino;
    expect(await host.copy(shell)).toBe(`${SAID.replace("TARGET", host.target)}\n0 \n`);
    expect(host.differs()).toBe("");
    expect(readFileSync(join(host.target, "other"), "utf8")).toBe("linked");
    expect(statSync(join(host.target, "same")).ino, "what stays is left alone").toBe(same);
  });

  for (const shell of SHELLS) it.concurrent(`removes nothing that a link in the copy leads to (${shell})`, byTurns(1, shell), async () => {
    const host = new Cramped(shell);
    write(host.outside, { passwd: "Dom0's", group: "Dom0's" }, 1e9);
    write(host.target, { big: BIG }, 1e9);
    symlinkSync(host.outside, join(host.target, "etc"));
    symlinkSync(join(host.outside, "group"), join(host.target, "group"));
    write(host.source, { big: `${BIG}1`, "etc/passwd": "the guest's", group: "the guest's" }, 1.1e9);
    expect(await host.copy(shell)).toContain("\n0 \n");
    expect(host.differs()).toBe("");
    expect(lstatSync(join(host.target, "etc")).isDirectory()).toBe(true);
    expect([readFileSync(join(host.outside, "passwd"), "utf8"), readFileSync(join(host.outside, "group"), "utf8")]).toEqual(["Dom0's", "Dom0's"]);
  });

  it.concurrent("is not tried without it again in the same run", async () => {
    const host = new Cramped("dash");
    write(host.target, { big: BIG }, 1e9);
    write(host.source, { big: `${BIG}1` }, 1.1e9);
    // it has changed again
    expect(await host.copy("dash", 2)).toBe(`${SAID.replace("TARGET", host.target)}\n0 \n0 \n`);
  });

  it.concurrent("says that the volume is too small, where that does not help", async () => {
    const host = new Cramped("dash");
    // nothing says that it is to be replaced, and it stays
    write(host.target, { big: BIG }, 1e9);
    write(host.source, { big: BIG }, 1e9);
    expect(await host.copy("dash")).toMatch(/\n11 the volume has no room for what the image holds \(11\): a larger size in the playbook gives it that/);
  });
});

it.concurrent("a pass that finds no room for a changed file is made again, and the last one begins with it: the guest is moved", async () => {
  const host = new StubHost("busybox sh");
  try {
    host.install(moveProgram(host));
    const before = readFileSync(host.config, "utf8");
    rmSync(join(host.root, "bin/rsync"));
    const none = '{ echo "rsync: [receiver] write failed on \\"/boot/vmlinux\\": No space left on device (28)" >&2; exit 11; }';
    writeFileSync(
      join(host.root, "bin/rsync"),
      `#!/bin/sh\necho "$*" >>'${host.root}/rsyncs'\ncase " $* " in *" --dry-run "*) exit ;; *" --delete-before "*) echo "Literal data: 1,234 bytes" ;; *) ${none} ;; esac\n`,
      { mode: 0o755 },
    );
    expect((await host.run("run")).code, host.journalText()).toBe(0);
    expect(expectWhole(host, before), host.journalText()).toBe("new");
    const kinds = host.lines(join(host.root, "rsyncs")).map((line) => / --dry-run | --delete-before/.exec(`${line} `)?.[0].trim() ?? "as planned");
    expect(kinds).toEqual(["as planned", "--dry-run", "--delete-before", "--dry-run", "--delete-before"]);
    expect(journal(host).filter((event) => event.event === "watch")).toHaveLength(1);
  } finally {
    host.remove();
  }
});
