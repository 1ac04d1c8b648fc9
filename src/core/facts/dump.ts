/**
 * The first bytes of a device as `od -A d -t x1` prints them: 16 bytes a line, lines that repeat shown as one `*`.
 * Most of a superblock is zero, so this is a fifth of its base64.
 */

const encoder = new TextEncoder();

const [NEWLINE, SPACE, STAR, ZERO] = [10, 32, 42, 48];
const LONGEST = 64 * 1024 * 1024;

/** By a character code: the value of a hexadecimal digit as od prints it, or -1. Small enough to stay at hand. */
const DIGITS = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value += 1) DIGITS[value.toString(16).charCodeAt(0)] = value;

/** Used again for each dump: they are large, and many. */
let buffer = new Uint8Array(0);

/** The text's codes: in an array they are looked at faster than in the text. Valid until the next call. */
function codesOf(text: string): Uint8Array {
  if (buffer.length < text.length * 3) buffer = new Uint8Array(text.length * 3);
  return buffer.subarray(0, encoder.encodeInto(text, buffer).written);
}

/**
 * Bytes of a dump by `od -A d -t x1`.
 * @param text with or without the newline at its end
 * @returns undefined for what is no such dump
 */
export function readDump(text: string): Uint8Array | undefined {
  const last = /(?:^|\n)(\d{7,})\n?$/.exec(text.slice(-20))?.[1];
  const length = Number(last);
  if (last === undefined || length > LONGEST) return undefined;
  const bytes = new Uint8Array(length);
  // a dump is most of what a host prints
  const codes = codesOf(text);
  const code = (i: number): number => codes[i] ?? NEWLINE;
  let at = 0;
  let repeat = false;
  for (let i = 0; i < codes.length; i += 1) {
    if (code(i) === STAR && code(i + 1) === NEWLINE) {
      repeat = true;
      i += 1;
      continue;
    }
    let offset = 0;
    const start = i;
    for (; code(i) >= ZERO && code(i) <= ZERO + 9; i += 1) offset = offset * 10 + code(i) - ZERO;
    if (i === start || offset < at || offset > length) return undefined;
    // what repeats is mostly zero, and the array is that already
    if (repeat && !isZero(bytes, at - 16, at)) for (; at < offset; at += 16) bytes.copyWithin(at, at - 16, at);
    repeat = false;
    at = offset;
    for (; code(i) === SPACE; i += 3) {
      // one that is none makes the whole negative
      const value = ((DIGITS[code(i + 1)] ?? -1) << 4) | (DIGITS[code(i + 2)] ?? -1);
      if (value < 0 || at >= length) return undefined;
      bytes[at] = value;
      at += 1;
    }
    if (code(i) !== NEWLINE) return undefined;
  }
  return at === length ? bytes : undefined;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = Math.max(from, 0); i < to; i += 1) if (bytes[i] !== 0) return false;
  return true;
}
