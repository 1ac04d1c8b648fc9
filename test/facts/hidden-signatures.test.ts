import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync, statSync, utimesSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fact } from "../../src/core/facts/hidden-signatures.js";
import type { Scanning } from "../../src/core/model/scanning.js";
import { volumeTags, sourceTags } from "../../src/core/model/names.js";
import { lacks } from "../support/tools.js";
import { aVolume, MIB } from "../support/a-host.js";

/** The command is run for real, over files that have what a real tool writes at the places where it writes it. */

const folder = mkdtempSync(join(tmpdir(), "converge signatures-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const MD = "\xfc\x4e\x2b\xa9";
const SECTOR = 512;

interface Piece {
  readonly at: number;
  readonly bytes: Buffer;
}

function imageOf(name: string, bytes: number, pieces: readonly Piece[]): string {
  const path = join(folder, name);
  const file = openSync(path, "w");
  writeSync(file, Buffer.alloc(1), 0, 1, bytes - 1);
  for (const piece of pieces) writeSync(file, piece.bytes, 0, piece.bytes.length, piece.at);
  utimesSync(path, 1000, 1000);
  return path;
}

const text = (at: number, words: string): Piece => ({ at, bytes: Buffer.from(words, "latin1") });
const pv = (sector: number): readonly Piece[] => [text((sector + 1) * SECTOR, "LABELONE"), text((sector + 1) * SECTOR + 24, "LVM2 001")];

/** Entries of an MBR: type, first sector, sectors (little-endian). */
function mbr(...entries: readonly (readonly [type: number, first: number])[]): readonly Piece[] {
  const table = Buffer.alloc(66);
  entries.forEach(([type, first], index) => {
    table.writeUInt8(type, 16 * index + 4);
    table.writeUInt32LE(first, 16 * index + 8);
    table.writeUInt32LE(2048, 16 * index + 12);
  });
  table.writeUInt16LE(0xaa55, 64);
  return [{ at: 446, bytes: table }];
}

function gpt(...firsts: readonly number[]): readonly Piece[] {
  const entries = Buffer.alloc(128 * firsts.length);
  firsts.forEach((first, index) => {
    entries.write("a type", 128 * index);
    entries.writeBigUInt64LE(BigInt(first), 128 * index + 32);
  });
  return [...mbr([0xee, 1]), text(SECTOR, "EFI PART"), { at: 2 * SECTOR, bytes: entries }];
}

const EVERYTHING: Scanning = { lvm: { filters: [], volumes: false }, md: { auto: [] }, loopPartitions: 15 };

function ask(paths: readonly string[], scanning: Scanning) {
  const volumes = paths.map((path, index) => ({
    ...aVolume(`vg0/v${String(index)}`, MIB, { tags: [...volumeTags("web1", "xvda1", "copy"), ...sourceTags(path)] }), suspended: false,
  }));
  return fact.command({ scanning, volumes: { volumes, pvmoves: [] } });
}

const SHELLS = ["dash", "bash", "busybox sh"].filter((shell) => !shell.startsWith("busybox") || !lacks("busybox"));

describe.each(SHELLS)("under %s", (shell) => {
  test.each([
    { name: "nothing", pieces: [], found: [] },
    { name: "an array of metadata 1.0, at the end", pieces: [text(9 * MIB - 8192, MD)], found: [{ kind: "md", metadata: "1.x", partition: false }] },
    {
      name: "an array of metadata 0.90, in the last 64 KiB", bytes: 9 * MIB + 12_288, pieces: [text(9 * MIB - 65_536, MD)],
      found: [{ kind: "md", metadata: "0.90", partition: false }],
    },
    { name: "a physical volume in a partition", pieces: [...mbr([0x83, 2048], [0x8e, 8192]), ...pv(8192)], found: [{ kind: "lvm", partition: true }] },
    { name: "an array in a partition", pieces: [...mbr([0xfd, 2048]), text(2048 * SECTOR + 4096, MD)], found: [{ kind: "md", metadata: "1.x", partition: true }] },
    { name: "a physical volume in a partition of a GPT", pieces: [...gpt(2048, 4096), ...pv(4096)], found: [{ kind: "lvm", partition: true }] },
    { name: "partitions that hold nothing of the kind", pieces: mbr([0x83, 2048], [0x82, 8192], [5, 10_000]), found: [] },
  ])("an image with $name", ({ name, bytes = 9 * MIB, pieces, found }) => {
    const path = imageOf(`${name} .img`, bytes, pieces);
    const command = ask([path, join(folder, "is-not-there")], EVERYTHING) ?? ["false"];
    const [sh = "", ...rest] = shell.split(" ");
    const stdout = execFileSync(sh, [...rest, ...command.slice(1)], { encoding: "utf8" });
    const { value, diagnostics } = fact.parse({ exitCode: 0, stdout, stderr: "" });
    expect(diagnostics).toEqual([]);
    expect(value).toEqual(found.map((signature) => ({ path, signature })));
    expect(statSync(path).atimeMs, "it is not even seen to have been read").toBe(1_000_000);
  });
});

test.each<{ name: string; scanning: Scanning; words: readonly string[] | undefined }>([
  { name: "neither is installed", scanning: { loopPartitions: 0 }, words: undefined },
  { name: "mdadm assembles nothing by itself", scanning: { md: { auto: ["-all"] }, loopPartitions: 0 }, words: undefined },
  { name: "mdadm assembles old arrays", scanning: { md: { auto: ["-1.x"] }, loopPartitions: 0 }, words: ["1", "0"] },
  { name: "partitions are looked for", scanning: { lvm: { filters: [], volumes: false }, loopPartitions: 8 }, words: ["0", "1"] },
])("is asked only what Dom0 would take up: $name", ({ scanning, words }) => {
  expect(ask(["/srv/a.img"], scanning)?.slice(4, 6)).toEqual(words);
});
