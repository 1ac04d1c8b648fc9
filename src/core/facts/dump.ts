/**
 * The first bytes of a device as `od -A d -t x1` prints them: 16 bytes a line, lines that repeat shown as one `*`.
 * Most of a superblock is zero, so this is a fifth of its base64.
 */

/**
 * Bytes of a dump by `od -A d -t x1`.
 * @returns undefined for what is no such dump
 */
export function readDump(lines: readonly string[]): Uint8Array | undefined {
  const last = lines.at(-1);
  const length = Number(last);
  if (last === undefined || !/^\d{7,}$/.test(last) || length > 64 * 1024 * 1024) return undefined;
  const bytes = new Uint8Array(length);
  let at = 0;
  let repeat = false;
  for (const line of lines) {
    if (line === "*") {
      repeat = true;
      continue;
    }
    const space = line.indexOf(" ");
    const offset = Number(space === -1 ? line : line.slice(0, space));
    if (!Number.isInteger(offset) || offset < at || offset > length) return undefined;
    // what repeats is mostly zero, and the array is that already
    if (repeat && !isZero(bytes, at - 16, at)) for (; at < offset; at += 16) bytes.copyWithin(at, at - 16, at);
    repeat = false;
    at = offset;
    if (space === -1) continue;
    for (let i = space + 1; i < line.length; i += 3) {
      const value = hexDigit(line.charCodeAt(i)) * 16 + hexDigit(line.charCodeAt(i + 1));
      if (!(value >= 0) || at >= length) return undefined;
      bytes[at] = value;
      at += 1;
    }
  }
  return at === length ? bytes : undefined;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = Math.max(from, 0); i < to; i += 1) if (bytes[i] !== 0) return false;
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : Number.NaN;
}
