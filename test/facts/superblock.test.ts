import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recognise, type Recognised } from "../../src/core/facts/superblock.js";
import type { Content } from "../../src/core/model/storage.js";

// Each case was made by the tool that it names, which also says what it made: record.ts beside the cases.
interface Case {
  readonly bytes: number;
  readonly head: string;
  readonly says: { readonly blkid: string; readonly dumpe2fs?: string; readonly xfs_db?: string };
}

const folder = new URL("./superblocks/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
const load = (name: string): Case => JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) as Case;
const headOf = (one: Case): Uint8Array => new Uint8Array(gunzipSync(Buffer.from(one.head, "base64")));
const recognised = (name: string): Recognised => {
  const one = load(name);
  return recognise(headOf(one), one.bytes);
};
const contentOf = (name: string): Content => recognised(name).content;

function of<T extends Content["type"]>(content: Content, ...types: readonly T[]): Extract<Content, { type: T }> {
  expect(types).toContain(content.type);
  return content as Extract<Content, { type: T }>;
}

function keyValues(text: string, pattern: RegExp): Map<string, string> {
  return new Map([...text.matchAll(pattern)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

describe.each(names.filter((name) => /^(ext\d|xfs|swap)/.test(name) && name !== "ext4-after-dos-table"))("%s", (name) => {
  const one = load(name);
  const content = contentOf(name);
  const blkid = keyValues(one.says.blkid, /^(\w+)=(.*)$/gm);

  test("blkid says the same", () => {
    const found = of(content, "ext2", "ext3", "ext4", "xfs", "swap");
    expect(found.type).toBe(blkid.get("TYPE"));
    expect(found.uuid).toBe(blkid.get("UUID"));
    // blkid writes what is no ASCII as terminals did once
    if (name !== "ext4-unicode-label") expect(found.label).toBe(blkid.get("LABEL") ?? "");
  });

  test.runIf(one.says.dumpe2fs !== undefined)("dumpe2fs says the same", () => {
    const found = of(content, "ext2", "ext3", "ext4");
    const says = keyValues(one.says.dumpe2fs ?? "", /^([^:\n]+):[ \t]*(.*)$/gm);
    const features = (says.get("Filesystem features") ?? "").split(" ").filter((f) => f !== "needs_recovery" && f !== "(none)");
    const blockBytes = Number(says.get("Block size"));
    expect([...found.features].sort()).toEqual(features.sort());
    expect(found.blockBytes).toBe(blockBytes);
    expect(found.inodeBytes).toBe(Number(says.get("Inode size") ?? 128));
    expect(found.bytes).toBe(Number(says.get("Block count")) * blockBytes);
    expect(found.usedBytes).toBe((Number(says.get("Block count")) - Number(says.get("Free blocks"))) * blockBytes);
    expect(found.inodes).toBe(Number(says.get("Inode count")));
    expect(found.reservedPercent)
      .toBeCloseTo((100 * Number(says.get("Reserved block count"))) / Number(says.get("Block count")), 2);
    expect(found.needsRecovery).toBe(/needs_recovery/.test(says.get("Filesystem features") ?? ""));
    expect(found.hasErrors).toBe(/with errors/.test(says.get("Filesystem state") ?? ""));
  });

  test.runIf(one.says.xfs_db !== undefined)("xfs_db says the same", () => {
    const found = of(content, "xfs");
    const says = keyValues(one.says.xfs_db ?? "", /^(\w+) = (.*)$/gm);
    const number = (key: string): number => Number(says.get(key));
    const words = new Set((/^versionnum \[0x\w+.*?\] = (.*)$/m.exec(one.says.xfs_db ?? "")?.[1] ?? "").split(","));
    const flag = (word: string): number => (words.has(word) ? 1 : 0);
    expect(found.blockBytes).toBe(number("blocksize"));
    expect(found.bytes).toBe(number("dblocks") * number("blocksize"));
    expect(found.usedBytes).toBe((number("dblocks") - number("logblocks") - number("fdblocks")) * number("blocksize"));
    expect(found.features).toMatchObject({
      "m.crc": flag("V5"), "m.finobt": flag("FINO_BTREE") || flag("FINOBT"), "m.rmapbt": flag("RMAPBT"),
      "m.reflink": flag("REFLINK"), "m.inobtcount": flag("INOBTCNT"), "m.bigtime": flag("BIGTIME"),
      "i.sparse": flag("SPARSE_INODES"), "i.nrext64": flag("NREXT64"), "n.ftype": flag("FTYPE"),
      "i.size": number("inodesize"), "s.size": number("sectsize"),
      "n.size": number("blocksize") * 2 ** number("dirblklog"),
    });
  });
});

test("labels are UTF-8", () => {
  expect(contentOf("ext4-unicode-label")).toMatchObject({ type: "ext4", label: "wurzel-ü" });
});

test("swap has the size of its header, and the pages it was made with", () => {
  expect(of(contentOf("swap"), "swap")).toMatchObject({ pageBytes: 4096, bytes: 4 * 1024 * 1024 });
  expect(of(contentOf("swap-8k-pages"), "swap")).toMatchObject({ pageBytes: 8192, bytes: 4 * 1024 * 1024 });
});

test.each([
  ["dos", { format: "raw", content: { type: "partitions", table: "dos" } }],
  ["gpt", { format: "raw", content: { type: "partitions", table: "gpt" } }],
  ["qcow2", { format: "qcow2", disk: { bytes: 1024 ** 3, backed: false, encrypted: false }, content: { type: "unknown", hint: "qcow2 image" } }],
  ["vhd", { format: "vhd", disk: { bytes: 1_073_995_776, backed: false, encrypted: false }, content: { type: "unknown", hint: "vhd image" } }],
  ["vhdx", { format: "vhdx", content: { type: "unknown", hint: "vhdx image" } }],
  ["vmdk", { format: "raw", content: { type: "unknown", hint: "VMDK image" } }],
  ["text", { format: "raw", content: { type: "unknown" } }],
  ["zero", { format: "raw", content: { type: "unknown", hint: "first 8 KiB are zero" } }],
  ["ext-journal-device", { format: "raw", content: { type: "unknown", hint: "external journal of an ext file system" } }],
  ["ext4-after-dos-table", { format: "raw", content: { type: "unknown", hint: "ambivalent: ext4, dos partition table" }, partitioned: true }],
])("%s", (name, expected) => {
  expect(recognised(name)).toEqual(expected);
});

describe("emptiness", () => {
  test("zeros are blank only where all of them were seen", () => {
    expect(recognise(new Uint8Array(8192), 8192).content).toEqual({ type: "blank" });
    expect(recognise(new Uint8Array(8192), 8193).content.type).toBe("unknown");
    expect(recognise(new Uint8Array(8192), 2 ** 40, true).content).toEqual({ type: "blank" });
  });
});

describe("boot sectors and signatures of others", () => {
  const withBytes = (...parts: readonly (readonly [number, string])[]): Content => {
    const head = new Uint8Array(8192);
    for (const [offset, text] of parts) for (let i = 0; i < text.length; i += 1) head[offset + i] = text.charCodeAt(i);
    return recognise(head, 2 ** 30).content;
  };
  test.each([
    ["FAT file system", [[0, "\xeb\x3c\x90mkfs.fat"], [54, "FAT16   "], [510, "\x55\xaa"]]],
    ["FAT file system", [[0, "\xeb\x58\x90mkfs.fat"], [82, "FAT32   "], [510, "\x55\xaa"]]],
    ["NTFS file system", [[0, "\xeb\x52\x90NTFS    "], [510, "\x55\xaa"]]],
    ["protective MBR without its GPT", [[450, "\xee"], [454, "\x01"], [458, "\xff"], [510, "\x55\xaa"]]],
    ["LVM physical volume", [[512, "LABELONE"], [536, "LVM2 001"]]],
    ["LUKS encrypted volume", [[0, "LUKS\xba\xbe\0\x02"]]],
    ["member of an md array", [[4096, "\xfc\x4e\x2b\xa9"]]],
    ["swap area of the old version 0", [[4086, "SWAP-SPACE"]]],
    ["swap area that holds a suspended system", [[4086, "S1SUSPEND\0"]]],
  ] as const)("%s", (hint, parts) => {
    expect(withBytes(...parts)).toEqual({ type: "unknown", hint });
  });

  test("an empty entry before or after others is none", () => {
    // type 8e from sector 2048, 60000 of them; type 83 without a length
    const used = "\x8e\0\0\0\0\x08\0\0\x60\xea\0\0";
    const empty = "\x83\0\0\0\0\0\0\0\0\0\0\0";
    expect(withBytes([450, used], [466, empty], [510, "\x55\xaa"])).toEqual({ type: "partitions", table: "dos" });
    expect(withBytes([450, empty], [466, used], [510, "\x55\xaa"])).toEqual({ type: "partitions", table: "dos" });
  });

  test.each<{ what: string; bytes: readonly (readonly [number, readonly number[]])[]; seen: boolean }>([
    { what: "a protective MBR without its GPT", bytes: [[450, [0xee, 0, 0, 0, 1, 0, 0, 0, 255, 255]]], seen: true },
    { what: "a partition that begins at sector 0", bytes: [[450, [0x83, 0, 0, 0, 0, 0, 0, 0, 255]]], seen: true },
    { what: "an entry of type 0 with a length", bytes: [[458, [255]]], seen: true },
    { what: "boot code where the table would be", bytes: [[446, [0x31, 0xc0, 0x8e, 0xd8, 0xbc, 0, 0x7c, 1, 2, 3, 4, 5, 6, 7, 8]]], seen: false },
    { what: "nothing where the table would be", bytes: [], seen: false },
  ])("$what before an ext file system: partitions to the kernel: $seen", ({ bytes, seen }) => {
    const head = headOf(load("ext3"));
    head.set([0x55, 0xaa], 510);
    for (const [offset, values] of bytes) head.set(values, offset);
    expect(recognise(head, 2 ** 30).partitioned).toBe(seen ? true : undefined);
  });

  test("a journal that is no inode of the file system is on another device", () => {
    const head = headOf(load("ext3"));
    expect(recognise(head, 2 ** 30).content).not.toHaveProperty("externalJournal");
    head.fill(0, 1024 + 224, 1024 + 228);
    expect(recognise(head, 2 ** 30).content).toMatchObject({ type: "ext3", externalJournal: true });
  });

  test.each<{ what: string; at: number; bytes: readonly number[]; more: object }>([
    { what: "whose journal is on another device", at: 48, bytes: [0, 0, 0, 0, 0, 0, 0, 0], more: { externalJournal: true } },
    { what: "with a part for real time", at: 16, bytes: [0, 0, 0, 0, 0, 0, 16, 0], more: { realtime: true } },
    { what: "that counts what projects take", at: 176, bytes: [0x06, 0x08], more: { quotas: true } },
    { what: "that a kernel has looked for quotas in, and counts none", at: 176, bytes: [0x07, 0x36], more: {} },
    { what: "with back references of files to their folders", at: 216, bytes: [0, 0, 0, 0xcb], more: {} },
  ])("an xfs $what is told so", ({ at, bytes, more }) => {
    const head = headOf(load("xfs"));
    const { content: before } = recognise(head, 2 ** 30);
    expect(before).not.toMatchObject({ externalJournal: true });
    head.set(bytes, at);
    const { content } = recognise(head, 2 ** 30);
    for (const key of ["externalJournal", "realtime", "quotas"]) expect(Object.hasOwn(content, key), key).toBe(Object.hasOwn(more, key));
    expect(of(content, "xfs").features).toMatchObject(at === 216 ? { "i.exchange": 1, "n.parent": 1 } : {});
  });

  test("a boot block before an ext file system is no partition table", () => {
    const head = headOf(load("ext3"));
    head.set([0x55, 0xaa], 510);
    expect(recognise(head, 2 ** 30).content.type).toBe("ext3");
  });
});

test("no bytes make it throw", () => {
  const magics = [...names.map((name) => headOf(load(name))), new Uint8Array(8192)];
  fc.assert(fc.property(
    fc.constantFrom(...magics),
    fc.array(fc.tuple(fc.nat(8191), fc.integer({ min: 0, max: 255 })), { maxLength: 64 }),
    fc.nat(8192),
    (head, changes, length) => {
      const bytes = Uint8Array.from(head);
      for (const [at, value] of changes) bytes[at] = value;
      recognise(bytes.subarray(0, length), length);
    },
  ));
});
