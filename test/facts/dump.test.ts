import { describe, expect, test } from "vitest";
import { readDump } from "../../src/core/facts/dump.js";

/** Dumps as od(1) of coreutils 9.1 prints them, and what no od prints. */

const line = (offset: number, hex: string): string => `${String(offset).padStart(7, "0")} ${hex}\n`;
const row = (byte: string): string => Array.from({ length: 16 }, () => byte).join(" ");

describe("a dump", () => {
  test("is read byte for byte, a last line of fewer bytes too", () => {
    expect(readDump(`${line(0, "00 7f 80 ff")}0000004\n`)).toEqual(Uint8Array.of(0, 0x7f, 0x80, 0xff));
    expect(readDump(`${line(0, "0a")}0000001`)).toEqual(Uint8Array.of(10));
    expect(readDump("0000000\n")).toEqual(new Uint8Array());
  });

  test.each(["00", "e5"])("has lines of %s that repeat", (byte) => {
    const dump = `${line(0, row("01"))}${line(16, row(byte))}*\n${line(80, "02")}0000081\n`;
    const bytes = readDump(dump);
    expect(bytes).toHaveLength(81);
    expect(bytes?.subarray(16, 80)).toEqual(new Uint8Array(64).fill(parseInt(byte, 16)));
    expect(bytes?.at(80)).toBe(2);
  });

  test.each([
    ["nothing", ""],
    ["no length at its end", line(0, "01 02")],
    ["a digit that is none, first", `${line(0, "g1")}0000001\n`],
    ["a digit that is none, second", `${line(0, "1g")}0000001\n`],
    ["capital digits", `${line(0, "0A")}0000001\n`],
    ["half a byte", `${line(0, "0")}0000001\n`],
    ["letters beyond ASCII", `${line(0, "é1")}0000001\n`],
    ["more bytes than its length", `${line(0, "01 02")}0000001\n`],
    ["fewer bytes than its length", `${line(0, "01 02")}0000000\n`],
    ["an offset that goes back", `${line(0, row("01"))}${line(4, "02")}0000005\n`],
    ["an offset beyond its end", `${line(64, "01")}0000001\n`],
    ["an empty line", `${line(0, "01")}\n0000001\n`],
    ["something behind its bytes", `${line(0, "01 >.<")}0000001\n`],
    ["a length that nothing would be read to", `${line(0, "01")}9999999999\n`],
  ])("that has %s is none", (_, dump) => {
    expect(readDump(dump)).toBeUndefined();
  });
});
