import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quoteWord } from "../../src/core/model/command.js";
import { formatApart, formatBytes, parseBytes, roundUpToExtent } from "../../src/core/model/bytes.js";
import { bootUnitName, safeName, snapshotName, sourceOfTags, sourceTags, unitName } from "../../src/core/model/names.js";
import { lineColumn } from "../../src/core/model/source.js";

const anyName = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.string({ maxLength: 40 }));

describe("names of converge's own", () => {
  test("are plain, short enough, and as different as the names they come from", () => {
    fc.assert(
      fc.property(anyName, anyName, (a, b) => {
        expect(safeName(a)).toMatch(/^([A-Za-z0-9_][A-Za-z0-9_.-]*)?$/);
        expect(unitName(a).length).toBeLessThanOrEqual(128);
        expect(snapshotName(`vg0/${"i".repeat(8)}`, "d").length).toBeLessThanOrEqual(127);
        // a lone surrogate has no UTF-8 form of its own
        const lone = /\p{Surrogate}/u;
        if (a !== b && !lone.test(a) && !lone.test(b)) expect(safeName(a)).not.toBe(safeName(b));
      }),
    );
  });

  test("of several guests are no two the same, also where one name goes on where another ends", () => {
    const part = fc.stringMatching(/^[a-c]([a-c-]{0,5}[a-c])?$/);
    fc.assert(
      fc.property(part, part, part, part, (one, volume, other, otherVolume) => {
        if (one === other && volume === otherVolume) return;
        expect(snapshotName(`vg0/${volume}`, one)).not.toBe(snapshotName(`vg0/${otherVolume}`, other));
      }),
    );
    for (const name of ["web1", "web-1", "boot"]) expect(unitName(`boot-${name}`)).not.toBe(bootUnitName(name));
    expect(snapshotName("vg0/db-images", "web")).not.toBe(snapshotName("vg0/images", "web-db"));
  });

  test("tell a volume's source again", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }).map((s) => `/srv/${s.replaceAll(/[\0/]/g, "x")}`), (path) => {
        const [tag] = sourceTags(path);
        if (tag === undefined) return;
        expect(tag).toMatch(/^[A-Za-z0-9_+.\-/=!:#&]+$/);
        expect(sourceOfTags(["converge", tag])).toBe(path);
      }),
    );
  });

  test("do not take a tag that somebody else wrote for a path", () => {
    expect(sourceOfTags(["converge.from=_ff_fe"])).toBeUndefined();
    expect(sourceOfTags(["converge.from=/x_ff"])).toBeUndefined();
    expect(sourceOfTags([])).toBeUndefined();
  });
});

test.each([
  ["plain", "plain"], ["/dev/vg0/a-b", "/dev/vg0/a-b"], ["", "''"], ["a b", "'a b'"], ["it's", "'it'\\''s'"],
  ["$(id)", "'$(id)'"], ["-rf", "-rf"], ["a\nb", "'a\nb'"], ["=x", "'=x'"], ["~", "'~'"], ["*", "'*'"], ["ä", "'ä'"],
])("%j is quoted as %j", (word, quoted) => {
  expect(quoteWord(word)).toBe(quoted);
});

test.each([
  ["512MiB", 512 * 1024 ** 2], ["2G", 2 * 1024 ** 3], ["1.5 GiB", 1.5 * 1024 ** 3], ["10GB", 10e9], ["4096", 4096],
  ["ten", undefined], ["5Q", undefined], ["-1G", undefined], ["", undefined],
])("%j is %j bytes", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test("sizes for people, and extents", () => {
  expect([0, 1023, 1024, 1536, 512 * 1024 ** 2, 5 * 1024 ** 4].map(formatBytes)).toEqual(["0 B", "1023 B", "1 KiB", "1.5 KiB", "512 MiB", "5 TiB"]);
  expect(roundUpToExtent(10 * 1024 ** 2, 4 * 1024 ** 2)).toBe(12 * 1024 ** 2);
});

test("two sizes that differ are written so that they do", () => {
  const MIB = 1024 ** 2;
  expect(formatApart(5632 * MIB, 5633.2 * MIB)).toEqual(["5632 MiB", "5633.2 MiB"]);
  expect(formatApart(5 * 1024 ** 4, 5 * 1024 ** 4 + 1)).toEqual(["5497558138880 B", "5497558138881 B"]);
  expect(formatApart(1024 ** 3, 2 * 1024 ** 3)).toEqual(["1 GiB", "2 GiB"]);
  expect(formatApart(0, 0)).toEqual(["0 B", "0 B"]);
  expect(formatApart(MIB - 1, MIB)).toEqual(["1048575 B", "1048576 B"]);
  expect(formatApart(1024 ** 4 - 4 * MIB, 1024 ** 4)).toEqual(["1048572 MiB", "1048576 MiB"]);
});

test("line and column, as people count", () => {
  expect(lineColumn("ab\ncd", 0)).toEqual({ line: 1, column: 1 });
  expect(lineColumn("ab\ncd", 4)).toEqual({ line: 2, column: 2 });
  expect(lineColumn("ab\ncd", 99)).toEqual({ line: 2, column: 3 });
});
