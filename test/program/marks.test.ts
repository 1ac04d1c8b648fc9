import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import { lacks } from "../support/tools.js";
import { SHELLS, evaluate } from "./host.js";

/** What is marked is held against what debugfs says of each block: file systems are made, filled and read for real. */

const folder = mkdtempSync(join(tmpdir(), "converge marks-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const MIB = 1024 ** 2;
const RUN = `${folder}/run/converge`;
const FUNCTIONS = `${RUNTIME.replace("HERE=$(cd", `HERE='${folder}' # $(cd`)}
about d d digest /c
OUT='${folder}/out' ID=xvda1.mark-used RUN='${RUN}' DOMAIN=d
domid_of() { return 1; }
verb_attach_loop() { printf 'attached %s\\n' "$2"; }
verb_detach_loop() { :; }
journal() { printf '%s\\n' "$*"; }
`;

interface Marks {
  readonly regions: number;
  readonly clean: (region: number) => boolean;
}

/** A mirror's log as dm-log.c reads it. */
function marksIn(path: string): Marks {
  const log = readFileSync(path);
  expect(log.readUInt32LE(0).toString(16)).toBe("4d695272");
  expect(log.readUInt32LE(4)).toBe(2);
  expect(log.length % 4096, "a device in whole pages").toBe(0);
  const regions = Number(log.readBigUInt64LE(8));
  expect(log.subarray(16, 1024).every((byte) => byte === 0)).toBe(true);
  expect(log.length).toBeGreaterThanOrEqual(1024 + Math.ceil(regions / 64) * 8);
  const clean = (region: number): boolean => ((log[1024 + Math.floor(region / 8)] ?? 0) >> region % 8) % 2 === 1;
  for (let region = regions; region < (log.length - 1024) * 8; region += 1) expect(clean(region), "beyond the end").toBe(false);
  return { regions, clean };
}

let number = 0;

function made(options: readonly string[], bytes: number, files = true): string {
  number += 1;
  const image = join(folder, `an image ${String(number)}.img`);
  const tree = join(folder, "tree");
  if (!existsSync(tree)) {
    mkdirSync(join(tree, "folder"), { recursive: true });
    writeFileSync(join(tree, "large"), Buffer.alloc(3 * MIB, 7));
    for (let at = 0; at < 60; at += 1) writeFileSync(join(tree, "folder", `small ${String(at)}`), `${String(at)}\n`.repeat(1 + at * 40));
  }
  closeSync(openSync(image, "w"));
  truncateSync(image, bytes);
  const { status, stderr } = spawnSync("mke2fs", ["-q", "-F", ...options, ...(files ? ["-d", tree] : []), image], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  // what is freed again leaves holes
  const removed = Array.from({ length: 20 }, (_, at) => `rm "folder/small ${String(at * 3)}"`).join("\n");
  if (files) spawnSync("debugfs", ["-w", "-f", "-", image], { input: removed });
  return image;
}

async function marked(shell: (typeof SHELLS)[number], image: string, bytes: number, region: number, type = "ext4") {
  const link = `${RUN}/d/xvda1/marks`;
  rmSync(RUN, { recursive: true, force: true });
  mkdirSync(RUN, { recursive: true });
  const ran = await evaluate(shell, `${FUNCTIONS}\nverb_mark_used name "$1" "$2" "$3" "$4" "$5" && cat "$HERE/marked/name" || printf '%s\\n' "$SAYS"`, [image, link, String(bytes), String(region / 512), type]);
  expect(ran.stderr).toBe("");
  expect(ran.stdout, ran.stderr).toContain(`attached ${link}.bits`);
  expect(existsSync(`${link}.map`) || existsSync(`${link}.free`), "of no use any more").toBe(false);
  return { said: ran.stdout, spared: Number(ran.stdout.trim().split("\n").at(-1)), marks: marksIn(`${link}.bits`) };
}

/** Which of these blocks debugfs calls in use. */
function inUse(image: string, blocks: readonly number[]): ReadonlySet<number> {
  const { stdout } = spawnSync("debugfs", ["-f", "-", image], { input: blocks.map((block) => `testb ${String(block)}`).join("\n"), encoding: "utf8" });
  return new Set([...stdout.matchAll(/Block (\d+) marked in use/g)].map((match) => Number(match[1])));
}

describe.skipIf(lacks("debugfs"))("what a file system uses", { tags: "long" }, () => {
  const CASES = [
    { name: "ext4", options: ["-t", "ext4"], size: 1024, bytes: 32 * MIB },
    { name: "ext4 of large blocks, in groups with no map of their own", options: ["-t", "ext4", "-b", "4096", "-O", "^has_journal"], size: 4096, bytes: 300 * MIB },
    { name: "ext3 that ends before its image does", options: ["-t", "ext3", "-b", "1024"], size: 1024, bytes: 9 * MIB + 512, smaller: "6144" },
    { name: "ext2 of many small groups", options: ["-t", "ext2", "-b", "1024", "-g", "1024"], size: 1024, bytes: 21 * MIB + 1536 },
  ] as const;

  it.each(CASES.flatMap((one, at) => [{ ...one, region: 65_536, shell: SHELLS[at % SHELLS.length] ?? "dash" }, { ...one, region: 4096, shell: SHELLS[(at + 1) % SHELLS.length] ?? "dash" }]))(
    "is marked of $name, by regions of $region ($shell)",
    async ({ options, size, bytes, region, shell, ...one }) => {
      const image = made(options, bytes);
      if ("smaller" in one) expect(spawnSync("resize2fs", ["-f", image, one.smaller]).status).toBe(0);
      const { said, spared, marks } = await marked(shell, image, bytes, region);
      expect(said).toContain("only what is in use is copied");
      expect(marks.regions).toBe(Math.ceil(bytes / region));
      const per = region / size;
      const all = Array.from({ length: Math.floor(bytes / size) }, (_, block) => block);
      const used = inUse(image, all);
      let clean = 0;
      let wasted = 0;
      const [, count] = /^Block count: +(\d+)/m.exec(spawnSync("dumpe2fs", ["-h", image], { encoding: "utf8" }).stdout) ?? [];
      for (let at = 0; at < marks.regions; at += 1) {
        // debugfs says nothing of block 0, which never is free; of what lies behind the last block the map says nothing
        const blocks = Array.from({ length: per }, (_, block) => at * per + block);
        const free = blocks.every((block) => !used.has(block) && block > 0 && block < Number(count));
        if (marks.clean(at)) clean += Math.min(region, bytes - at * region);
        if (marks.clean(at)) expect(free, `region ${String(at)}`).toBe(true);
        else if (free) wasted += 1;
      }
      expect(spared).toBe(clean);
      // debugfs overlooks the copies of superblock and descriptors in groups that have no map of their own yet
      expect(wasted * region).toBeLessThan(MIB / 2);
      expect(clean).toBeGreaterThan(bytes / 8);
    },
  );

  const spoilt = [
    { name: "a journal to be replayed", says: "not replayed", spoil: (image: string) => spawnSync("debugfs", ["-w", "-R", "feature needs_recovery", image]) },
    { name: "a state that is not clean", says: "not clean", spoil: (image: string) => spawnSync("debugfs", ["-w", "-R", "ssv state 0", image]) },
    { name: "errors", says: "with errors", spoil: (image: string) => spawnSync("debugfs", ["-w", "-R", "ssv state 3", image]) },
    { name: "a superblock that counts otherwise than the map", says: "disagree", spoil: (image: string) => spawnSync("debugfs", ["-w", "-R", "ssv free_blocks_count 17", image]) },
    { name: "no superblock any more", says: "can not read", spoil: (image: string) => { const fd = openSync(image, "r+"); writeSync(fd, Buffer.alloc(2048), 0, 2048, 0); closeSync(fd); } },
  ];
  it.each(spoilt.map((one, at) => ({ ...one, shell: SHELLS[at % SHELLS.length] ?? "dash" })))("of one with $name everything is marked ($shell)", async ({ spoil, says, shell }) => {
    const image = made(["-t", "ext4"], 32 * MIB);
    spoil(image);
    const { said, spared, marks } = await marked(shell, image, 32 * MIB, 65_536);
    expect(said).toMatch(new RegExp(`all of .* is copied: .*${says}`));
    expect(spared).toBe(0);
    for (let at = 0; at < marks.regions; at += 1) expect(marks.clean(at)).toBe(false);
  });

  it.each(SHELLS.flatMap((shell) => [{ shell, page: 4096 }, { shell, page: 65_536 }]))("is the head of a swap space with pages of $page, and no more ($shell)", async ({ shell, page }) => {
    const image = join(folder, `swap ${shell} ${String(page)}`);
    const content = Buffer.alloc(2 * MIB, 0x5a);
    content.write("SWAPSPACE2", page - 10, "latin1");
    writeFileSync(image, content);
    const { said, spared, marks } = await marked(shell, image, 2 * MIB, 65_536, "swap");
    expect(said).toContain("only what is in use is copied: 1 MiB of 2 MiB");
    expect(spared).toBe(2 * MIB - 65_536);
    expect(Array.from({ length: marks.regions }, (_, at) => marks.clean(at))).toEqual([false, ...Array<boolean>(31).fill(true)]);
  });

  it("is all of a swap space that a system was suspended to", async () => {
    const image = join(folder, "suspended");
    const content = Buffer.alloc(2 * MIB, 0x5a);
    content.write("S1SUSPEND\0", 4086, "latin1");
    writeFileSync(image, content);
    const { said, spared } = await marked("dash", image, 2 * MIB, 65_536, "swap");
    expect(said).toContain("all of");
    expect(spared).toBe(0);
  });

  it.each(SHELLS)("is not looked for while the guest runs, under %s", async (shell) => {
    const ran = await evaluate(shell, `${FUNCTIONS}\ndomid_of() { DOMID=3; }\nverb_mark_used name /nowhere "$RUN/d/xvda1/marks" 1048576 128 ext4; printf '%s %s\\n' "$?" "$SAYS"`);
    expect(ran.stdout).toMatch(/^1 d runs/);
    expect(existsSync(`${RUN}/d/xvda1/marks.bits`)).toBe(false);
  });
});
