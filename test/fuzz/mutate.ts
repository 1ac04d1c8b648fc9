/** Mutations of inputs, from a seed: the same seed gives the same inputs. */

/** mulberry32: numbers from 0 up to 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Inputs grow no larger: parsers are to be reached in all corners, not in all lengths. */
const LARGEST = 16_384;
const encoder = new TextEncoder();
const BYTES = [0, 1, 9, 10, 13, 32, 34, 39, 58, 91, 92, 127, 128, 255];

/** One to four changes: bytes flipped, cut, doubled, put in, taken from another input, and words of the language. */
export function mutate(input: Uint8Array, others: readonly Uint8Array[], words: readonly string[], random: () => number): Uint8Array {
  let bytes = input;
  const number = (below: number): number => Math.floor(random() * below);
  for (let times = 1 + number(4); times > 0; times -= 1) {
    const at = number(bytes.length + 1);
    const length = Math.min(1 + number(random() < 0.8 ? 8 : 256), bytes.length - at);
    switch (number(7)) {
      case 0: bytes = splice(bytes, at, length, []); break;
      case 1: bytes = splice(bytes, at, 0, bytes.subarray(at, at + length)); break;
      case 2: bytes = splice(bytes, at, Math.min(1, length), [BYTES[number(BYTES.length)] ?? 0]); break;
      case 3: bytes = splice(bytes, at, Math.min(1, length), [number(256)]); break;
      case 4: bytes = splice(bytes, at, random() < 0.5 ? length : 0, encoder.encode(words[number(words.length)] ?? "")); break;
      case 5: {
        const other = others[number(others.length)] ?? bytes;
        const from = number(other.length + 1);
        bytes = splice(bytes, at, random() < 0.5 ? length : 0, other.subarray(from, from + 1 + number(64)));
        break;
      }
      default: {
        // a number in the text becomes another one
        const digit = bytes.findIndex((byte, i) => i >= at && byte >= 48 && byte <= 57);
        if (digit !== -1) bytes = splice(bytes, digit, 1, encoder.encode(["0", "-1", "99999999999999999999", "1e400", "0x7f"][number(5)]));
      }
    }
  }
  return bytes.subarray(0, LARGEST);
}

function splice(bytes: Uint8Array, at: number, cut: number, put: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(bytes.length - cut + put.length);
  out.set(bytes.subarray(0, at));
  out.set(put, at);
  out.set(bytes.subarray(at + cut), at + put.length);
  return out;
}
