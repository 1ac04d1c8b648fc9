import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import { SHELLS, byTurns, evaluate } from "./host.js";

/** Blocks are compared and copied for real, by the tools of this machine; what a mirror says of itself is given. */

const folder = mkdtempSync(join(tmpdir(), "converge compare-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const FUNCTIONS = `${RUNTIME.replace("HERE=$(cd", `HERE='${folder}' # $(cd`)}
about d d digest /c
OUT='${folder}/out' ID=xvda1.compare-legs
mirror_whole() { HEALTH=AA; }
journal() { printf '%s\\n' "$*"; }
# here it is a file, on whatever file system there is
read_volume() { dd if="$1" bs="$BLOCK" skip="$2" status=none 2>>"$OUT"; }
copy_block() { run_command dd if="$1" of="$2" bs="$BLOCK" skip="$3" seek="$3" count=1 conv=notrunc status=none; }
`;

const MIB = 1024 ** 2;
let number = 0;

async function compared(shell: (typeof SHELLS)[number], bytes: number, spoil: (volume: Buffer) => void, settings = "", seconds = "30") {
  number += 1;
  const image = join(folder, `image differ: byte 7, ${String(number)}.img`);
  const volume = join(folder, `volume ${String(number)}`);
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4096) content.writeUInt32LE(at / 4096 + 1, at);
  writeFileSync(image, content);
  // a volume is in whole extents
  const larger = Buffer.concat([content, Buffer.alloc(MIB, 0xee)]);
  spoil(larger);
  writeFileSync(volume, larger);
  const ran = await evaluate(shell, `${FUNCTIONS}\n${settings}\nverb_compare_legs name "$1" link "$2" "$3" "$4"; status=$?; printf '%s\\n' "$SAYS"; exit $status`, [image, volume, String(bytes), seconds]);
  const now = readFileSync(volume);
  return { ...ran, equal: now.subarray(0, bytes).equals(content), beyond: now.subarray(bytes).equals(larger.subarray(bytes)), untouched: now.equals(larger) };
}

describe.each(SHELLS)("under %s, image and volume", (shell) => {
  const DIFFERENCES = [
    { name: "in the first byte", bytes: 3 * MIB, at: [0], blocks: 1 },
    { name: "in the last byte", bytes: 3 * MIB, at: [3 * MIB - 1], blocks: 1 },
    { name: "right at the edges of a block", bytes: 3 * MIB, at: [MIB - 1, MIB, 2 * MIB - 1], blocks: 2 },
    { name: "in every block, and in one several times", bytes: 4 * MIB, at: [5, 700_000, MIB + 5, 2 * MIB + 9, 3 * MIB], blocks: 4 },
    { name: "in a last block that is not whole", bytes: 2 * MIB + 1536, at: [2 * MIB + 1000], blocks: 1 },
    { name: "at the edges of a stretch", bytes: 6 * MIB, at: [2 * MIB - 1, 2 * MIB, 4 * MIB], blocks: 3 },
  ];
  for (const [turn, { name, bytes, at, blocks }] of DIFFERENCES.entries()) it(`that differ ${name} are made equal`, turn < 2 ? byTurns(turn, shell) : { tags: ["long"] }, async () => {
    const ran = await compared(shell, bytes, (volume) => {
      for (const place of at) volume[place] = (volume[place] ?? 0) ^ 0xff;
    }, "STRETCH=$((2 * BLOCK))");
    expect(ran.stdout).toContain(`differed in ${String(blocks)} blocks of 1 MiB, which were copied again`);
    expect(ran.code, ran.stdout).toBe(0);
    expect(ran.equal).toBe(true);
    expect(ran.beyond, "what lies behind the image's end is not its").toBe(true);
  });

  it("that are equal are let be", byTurns(0, shell), async () => {
    const ran = await compared(shell, 5 * MIB + 512, () => undefined, "STRETCH=$((2 * BLOCK))");
    expect(ran.stdout).toContain("are equal");
    expect(ran.code).toBe(0);
    expect(ran.untouched).toBe(true);
  });

  it("that differ all over are no mirror", byTurns(1, shell), async () => {
    const ran = await compared(shell, 5 * MIB, (volume) => volume.fill(1), "MOST_DIFFERING=3");
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain("more than 3 blocks of image and volume differ");
  });

  it("that can not be read to the end do not pass for equal", byTurns(2, shell), async () => {
    const ran = await compared(shell, 2 * MIB, () => undefined, 'read_volume() { dd if="$1" bs="$BLOCK" skip="$2" count=1 status=none; }');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain("cannot be compared");
  });

  it("that take too long are given up", byTurns(3, shell), async () => {
    const ran = await compared(shell, 2 * MIB, () => undefined, "read_volume() { exec sleep 2; }", "1");
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain("not compared within 1 s");
  });

  it("of which the image failed are not compared: the volume has it all", byTurns(4, shell), async () => {
    const ran = await compared(shell, MIB, (volume) => volume.fill(1), "mirror_whole() { HEALTH=DA; }");
    expect(ran.code).toBe(0);
    expect(ran.untouched).toBe(true);
  });
});
