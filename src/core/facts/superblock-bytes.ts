import { byteHex } from "./sha256.js";

/** Reading numbers and names out of a superblock. Beyond its end everything is zero. */

/** The first bytes of a device. */
export interface Head {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Makes bytes readable as numbers; nothing is copied. */
export function headOf(bytes: Uint8Array): Head {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** The number of 16 bits at a byte's offset. */
export function u16(head: Head, offset: number, littleEndian: boolean): number {
  return offset + 2 <= head.bytes.length ? head.view.getUint16(offset, littleEndian) : 0;
}

/** The number of 32 bits at a byte's offset. */
export function u32(head: Head, offset: number, littleEndian: boolean): number {
  return offset + 4 <= head.bytes.length ? head.view.getUint32(offset, littleEndian) : 0;
}

/** Sizes stay far below 2^53; a superblock that says more is damaged, and loses precision here. */
export function u64(head: Head, offset: number, littleEndian: boolean): number {
  const high = u32(head, littleEndian ? offset + 4 : offset, littleEndian);
  return high * 2 ** 32 + u32(head, littleEndian ? offset : offset + 4, littleEndian);
}

/** Whether `text` (latin1) stands at the offset. */
export function hasMagic(head: Head, offset: number, text: string): boolean {
  if (offset + text.length > head.bytes.length) return false;
  for (let i = 0; i < text.length; i += 1) if (head.bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** A UUID in the usual notation. */
export function uuidAt(head: Head, offset: number): string {
  let hex = "";
  for (let i = 0; i < 16; i += 1) hex += byteHex(head.bytes[offset + i] ?? 0);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const utf8 = new TextDecoder("utf-8");

/** A label: up to `length` bytes, ended by NUL; UTF-8 as people write it. */
export function labelAt(head: Head, offset: number, length: number): string {
  const field = head.bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return utf8.decode(end === -1 ? field : field.subarray(0, end));
}
