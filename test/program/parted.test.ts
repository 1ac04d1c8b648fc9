import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { copyFiles } from "../../src/core/steps/copy-files.js";
import type { CopyFiles } from "../../src/core/steps/copy-files.js";
import { lacks } from "../support/tools.js";
import { copiedFiles } from "./copied-files.js";
import { SHELLS, byTurns, evaluate, type Shell } from "./host.js";

const scratch = mkdtempSync(join(tmpdir(), "converge-parted-"));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** A guest's files, and a copy of them that passes go over. */
class Guest {
  readonly source: string;
  readonly target: string;
  readonly outside: string;
  readonly #runtime: string;

  constructor(shell: Shell) {
    ({ source: this.source, target: this.target, outside: this.outside, runtime: this.#runtime } = copiedFiles(scratch, shell));
  }

  write(name: string, ...others: readonly string[]): void {
    writeFileSync(join(this.source, name), `of ${name}`, { mode: 0o600 });
    utimesSync(join(this.source, name), 1e9, 1e9);
    for (const other of others) linkSync(join(this.source, name), join(this.source, other));
  }

  /** As `cp -p NAME new; mv new NAME`: it looks the same as before, and is a file of its own. */
  part(name: string, mode: number): void {
    const path = join(this.source, name);
    copyFileSync(path, `${path}.new`);
    utimesSync(`${path}.new`, 1e9, 1e9);
    chmodSync(`${path}.new`, mode);
    renameSync(`${path}.new`, path);
  }

  /** One pass, by the step's own actions, in the runtime's own verbs. */
  async pass(shell: Shell, compare: CopyFiles["compare"]): Promise<string> {
    const args: CopyFiles = { name: "c", source: this.source, target: this.target, from: "i", to: "v", role: "delta", compare, throttle: {} };
    const words = (list: readonly string[]): string => list.map((word) => `'${word}'`).join(" ");
    const calls = copyFiles.actions(args).map((action) => {
      const [verb = "plain", ...rest] = action.verb ?? [];
      const command = "command" in action ? ` -- ${words(action.command)}` : "";
      return `verb_${verb.replaceAll("-", "_")} ${words(rest)}${command} || echo "$? $SAYS"`;
    });
    const { stdout, stderr } = await evaluate(shell, `${this.#runtime}
STEP=1 OUT=$HERE/out/1.log
journal() { :; }
stop_asked() { return 1; }
step_1() { :; }
${calls.join("\n")}`);
    return stdout + stderr;
  }

  /** Which names are of one file there, and with what mode. */
  names(root: string): readonly string[] {
    const found = new Map<number, string[]>();
    for (const name of execFileSync("find", [root, "-type", "f", "-printf", "%P\\0"], { encoding: "utf8" }).split("\0").filter((one) => one !== "").sort()) {
      const { ino } = statSync(join(root, name));
      found.set(ino, [...found.get(ino) ?? [], name]);
    }
    return [...found.values()].map((names) => `${names.join(" = ")}: ${(statSync(join(root, names[0] ?? "")).mode & 0o777).toString(8)}`).sort();
  }
}

describe.skipIf(lacks("rsync"))("two names of one file that the guest has parted, and that look alike", () => {
  for (const shell of SHELLS) for (const [turn, compare] of (["times", "checksum"] as const).entries()) it.concurrent(`are two files on the copy, each with its own mode (by ${compare}, ${shell})`, byTurns(turn, shell), async () => {
    const guest = new Guest(shell);
    guest.write("secret", "public");
    guest.write("a b", "-n", "$(id)", "x\\y", "ü");
    guest.write("kept", "kept too", "gone");
    guest.write("one", "two");
    guest.write("three", "four");
    expect(await guest.pass(shell, compare)).toBe("");
    expect(guest.names(guest.target)).toEqual(guest.names(guest.source));
    const same = statSync(join(guest.target, "kept")).ino;
    guest.part("public", 0o644);
    guest.part("-n", 0o640);
    guest.part("ü", 0o444);
    unlinkSync(join(guest.source, "$(id)"));
    linkSync(join(guest.source, "ü"), join(guest.source, "$(id)"));
    unlinkSync(join(guest.source, "gone"));
    for (const [name, of] of [["two", "three"], ["four", "one"]] as const) {
      unlinkSync(join(guest.source, name));
      linkSync(join(guest.source, of), join(guest.source, name));
    }
    expect(await guest.pass(shell, compare)).toBe("");
    expect(guest.names(guest.target)).toEqual(guest.names(guest.source));
    expect(guest.names(guest.target)).toContain("secret: 600");
    expect(guest.names(guest.target)).toContain("public: 644");
    expect(statSync(join(guest.target, "kept")).ino, "what stays is left alone").toBe(same);
  });

  it.concurrent("are told from each other in the guest's files alone: nothing that a link leads to is touched", async () => {
    const guest = new Guest("dash");
    mkdirSync(join(guest.source, "etc"));
    guest.write("etc/passwd", "etc/passwd-");
    expect(await guest.pass("dash", "times")).toBe("");
    rmSync(join(guest.source, "etc"), { recursive: true });
    for (const name of ["passwd", "passwd-"]) writeFileSync(join(guest.outside, name), "Dom0's");
    symlinkSync(guest.outside, join(guest.source, "etc"));
    expect(await guest.pass("dash", "times")).toBe("");
    expect(readFileSync(join(guest.outside, "passwd-"), "utf8")).toBe("Dom0's");
    expect(guest.names(guest.target)).toEqual([]);
  });
});
