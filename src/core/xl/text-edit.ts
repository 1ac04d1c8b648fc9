import type { Replacement } from "../model/source.js";

/** Edits of a text by range. */

/** One replacement. Offsets belong to the text before any of the edits it comes with, and are half-open. */
export interface TextEdit {
  /** UTF-16 offsets. */
  readonly start: number;
  readonly end: number;
  /** The same place in bytes of the text's UTF-8 form. */
  readonly byteStart: number;
  readonly byteEnd: number;
  /** What stands there now. */
  readonly replaced: string;
  /** What shall stand there. */
  readonly text: string;
}

/** Bytes of a text in UTF-8; a lone surrogate counts as the replacement character that it is encoded as. */
function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 4;
      i += 1;
    } else bytes += 3;
  }
  return bytes;
}

/**
 * Edits of a text, in its order, from replacements in any order; one that would change nothing is left out.
 */
export function makeEdits(text: string, replacements: readonly Replacement[]): TextEdit[] {
  const edits: TextEdit[] = [];
  let at = 0;
  let bytes = 0;
  for (const { start, end, text: wanted } of [...replacements].sort(
    (a, b) => a.start - b.start || a.end - b.end,
  )) {
    const replaced = text.slice(start, end);
    if (replaced === wanted) continue;
    bytes += utf8Length(text.slice(at, start));
    at = start;
    edits.push({
      start,
      end,
      byteStart: bytes,
      byteEnd: bytes + utf8Length(replaced),
      replaced,
      text: wanted,
    });
  }
  return edits;
}

/**
 * Applies edits to the text they were made for.
 * @throws RangeError where they overlap, are out of order, or the text is another one: that is a bug of the
 * caller, who is to compare hashes first
 */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of edits) {
    if (edit.start < at || edit.end < edit.start || text.slice(edit.start, edit.end) !== edit.replaced) {
      throw new RangeError(`the edit at ${edit.start} does not fit the text`);
    }
    parts.push(text.slice(at, edit.start), edit.text);
    at = edit.end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}

/** The edits that bring the edited text back to what it was, byte for byte. */
export function invertEdits(edits: readonly TextEdit[]): TextEdit[] {
  let shift = 0;
  let byteShift = 0;
  return edits.map((edit) => {
    const start = edit.start + shift;
    const byteStart = edit.byteStart + byteShift;
    const bytes = utf8Length(edit.text);
    shift += edit.text.length - (edit.end - edit.start);
    byteShift += bytes - (edit.byteEnd - edit.byteStart);
    return {
      start,
      end: start + edit.text.length,
      byteStart,
      byteEnd: byteStart + bytes,
      replaced: edit.text,
      text: edit.replaced,
    };
  });
}

/** A text with ranges of its UTF-8 form replaced; they are ascending, do not overlap, and count bytes, as in a saved plan. */
export function replaceBytes(text: string, edits: readonly { readonly start: number; readonly end: number; readonly text: string }[]): string {
  const parts: string[] = [];
  let at = 0;
  let bytes = 0;
  const upTo = (wanted: number): number => {
    let index = at;
    while (bytes < wanted && index < text.length) {
      const char = String.fromCodePoint(text.codePointAt(index) ?? 0);
      bytes += utf8Length(char);
      index += char.length;
    }
    return index;
  };
  for (const edit of edits) {
    const start = upTo(edit.start);
    parts.push(text.slice(at, start), edit.text);
    at = start;
    at = upTo(edit.end);
  }
  parts.push(text.slice(at));
  return parts.join("");
}
