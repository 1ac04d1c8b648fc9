import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync, statSync, truncateSync, utimesSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fact } from "../../src/core/facts/image-ends.js";
import { sourceTags, volumeTags } from "../../src/core/model/names.js";
import { aVolume, MIB } from "../support/a-host.js";
import { lacks } from "../support/tools.js";

/** The command is run for real, over files that have what mdadm and drbdmeta write at the places where they write it. */

const folder = mkdtempSync(join(tmpdir(), "converge ends-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const MD = "\xfc\x4e\x2b\xa9";
const DRBD_84_IN_USE = "\x83\x74\x02\x6c";
const DRBD_9 = "\x83\x74\x02\x6d";

function imageOf(name: string, bytes: number, pieces: readonly (readonly [at: number, words: string])[]): string {
  const path = join(folder, name);
  const file = openSync(path, "w");
  truncateSync(path, bytes);
  for (const [at, words] of pieces) writeSync(file, Buffer.from(words, "latin1"), 0, words.length, at);
  utimesSync(path, 1000, 1000);
  return path;
}

function ask(paths: readonly string[]) {
  const volumes = paths.map((path, index) => ({
    ...aVolume(`vg0/v${String(index)}`, MIB, { tags: [...volumeTags("web1", "xvda1", "copy"), ...sourceTags(path)] }), suspended: false,
  }));
  return fact.command({ volumes: { volumes, pvmoves: [] } });
}

const SHELLS = ["dash", "bash", "busybox sh"].filter((shell) => !shell.startsWith("busybox") || !lacks("busybox"));
const ODD = 9 * MIB + 12_800;

describe.each(SHELLS)("under %s", (shell) => {
  test.each([
    { name: "nothing", bytes: 9 * MIB, pieces: [], marks: [] },
    { name: "an array of metadata 0.90", bytes: ODD, pieces: [[9 * MIB - 65_536, MD]], marks: [{ kind: "md", at: 9 * MIB - 65_536 }] },
    { name: "an array of metadata 1.0", bytes: 9 * MIB, pieces: [[9 * MIB - 8192, MD]], marks: [{ kind: "md", at: 9 * MIB - 8192 }] },
    { name: "one whose size is odd", bytes: ODD, pieces: [[9 * MIB + 12_288 - 8192, MD]], marks: [{ kind: "md", at: 9 * MIB + 4096 }] },
    { name: "DRBD 8.4, in use", bytes: ODD, pieces: [[9 * MIB + 12_288 - 4096 + 60, DRBD_84_IN_USE]], marks: [{ kind: "drbd", at: 9 * MIB + 8192 }] },
    { name: "DRBD 9", bytes: 9 * MIB, pieces: [[9 * MIB - 4096 + 60, DRBD_9]], marks: [{ kind: "drbd", at: 9 * MIB - 4096 }] },
    { name: "too little for any", bytes: 100, pieces: [[0, MD]], marks: [] },
  ] as const)("an image with $name at its end", ({ name, bytes, pieces, marks }) => {
    const path = imageOf(`${name}  .img`, bytes, pieces);
    const command = ask([path, join(folder, "is-not-there")]) ?? ["false"];
    const [sh = "", ...rest] = shell.split(" ");
    const stdout = execFileSync(sh, [...rest, ...command.slice(1)], { encoding: "utf8" });
    expect(fact.parse({ exitCode: 0, stdout, stderr: "" })).toEqual({ value: marks.map((mark) => ({ path, mark })), diagnostics: [] });
    expect(statSync(path).atimeMs, "it is not even seen to have been read").toBe(1_000_000);
  });
});

describe.each(SHELLS)("several images under %s", (shell) => {
  const [sh = "", ...rest] = shell.split(" ");
  const look = (paths: readonly string[], before = ""): string =>
    execFileSync(sh, [...rest, "-c", `${before}${(ask(paths) ?? [])[2] ?? ""}`, "sh", ...[...paths].sort()], { encoding: "utf8" });

  test("have each its own marks, and nothing else of what is there is told", () => {
    const secret = "the guest's own words";
    const all = [
      imageOf("a.img", 2 * MIB, [[2 * MIB - 8192, MD], [2 * MIB - 100_000, secret]]),
      // what looks like the beginning of the next one, and marks where none belong
      imageOf("b.img", 2 * MIB, [[2 * MIB - 65_536 + 16, MD], [2 * MIB - 131_072 + 4096, "converge-end0002"], [2 * MIB - 8192 + 48 + 12, DRBD_9]]),
      imageOf("c.img", 3 * MIB + 512, [[3 * MIB - 4096 + 60, DRBD_9], [3 * MIB - 65_536, MD]]),
    ];
    const stdout = look(all);
    expect(stdout).not.toContain("74 68 65");
    expect(stdout.length).toBeLessThan(1000);
    expect(fact.parse({ exitCode: 0, stdout, stderr: "" }).value).toEqual([
      { path: all[0], mark: { kind: "md", at: 2 * MIB - 8192 } },
      { path: all[2], mark: { kind: "md", at: 3 * MIB - 65_536 } }, { path: all[2], mark: { kind: "drbd", at: 3 * MIB - 4096 } },
    ]);
  });

  test("are told although one of them can not be read", () => {
    const all = ["d.img", "e.img", "f.img"].map((name) => imageOf(name, MIB, [[MIB - 8192, MD]]));
    const broken = `dd() { case $1 in *e.img) head -c "\${CUT}" "\${1#if=}"; return 1 ;; *) command dd "$@" ;; esac; }\n`;
    for (const cut of ["0", "48"]) {
      const stdout = look(all, `CUT=${cut}\n${broken}`);
      expect(fact.parse({ exitCode: 0, stdout, stderr: "" }).value?.map(({ path }) => path), cut).toEqual([all[0], all[2]]);
    }
  });
});

test("nothing is asked where no disk has a name", () => {
  expect(ask([])).toBeUndefined();
});
