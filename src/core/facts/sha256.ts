/** SHA-256 (FIPS 180-4) without node's crypto: the core runs anywhere, and the inputs are small. */

// Words are signed throughout: engines reckon with these as they are, and with unsigned ones as floating point.

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K = roots(64, 1 / 3);
const INITIAL = roots(8, 1 / 2);

function roots(count: number, power: number): Int32Array {
  const words = new Int32Array(count);
  for (let n = 2, found = 0; found < count; n += 1) {
    if (!isPrime(n)) continue;
    const root = n ** power;
    words[found] = Math.floor((root - Math.floor(root)) * 2 ** 32);
    found += 1;
  }
  return words;
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d += 1) if (n % d === 0) return false;
  return true;
}

/** Used again for each block. */
const schedule = new Int32Array(64);

/** The hash in hexadecimal, as sha256sum(1) prints it. */
export function sha256(bytes: Uint8Array): string {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor((bytes.length * 8) / 2 ** 32));
  view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0);
  const state = INITIAL.slice();
  for (let at = 0; at < padded.length; at += 64) mixBlock(state, view, at, schedule);
  let hex = "";
  for (const word of state) hex += byteHex(word >>> 24) + byteHex(word >>> 16) + byteHex(word >>> 8) + byteHex(word);
  return hex;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The last byte of a word, in two digits. */
export function byteHex(word: number): string {
  return HEX[word & 0xff] ?? "";
}

function add(state: Int32Array, at: number, word: number): void {
  state[at] = ((state[at] ?? 0) + word) | 0;
}

const turn = (x: number, n: number): number => (x >>> n) | (x << (32 - n));

function mixBlock(state: Int32Array, view: DataView, at: number, w: Int32Array): void {
  for (let i = 0; i < 16; i += 1) w[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15] ?? 0;
    const y = w[i - 2] ?? 0;
    const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
    const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
    w[i] = ((w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1) | 0;
  }
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let i = 0; i < 64; i += 1) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (K[i] ?? 0) + (w[i] ?? 0)) | 0;
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  add(state, 0, a);
  add(state, 1, b);
  add(state, 2, c);
  add(state, 3, d);
  add(state, 4, e);
  add(state, 5, f);
  add(state, 6, g);
  add(state, 7, h);
}
