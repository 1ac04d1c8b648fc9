/** Turning a line of a file, with whatever is in it, into a line for a terminal, with a caret under the right place. */

const TAB_WIDTH = 4;
const MAX_WIDTH = 80;
const MAX_TEXT = 2000;
/** What is looked at of a long line, around the mark: far more than fits a terminal. */
const NEIGHBOURHOOD = 512;

export interface CaretLine {
  /** The source line, harmless and cut to fit. */
  readonly text: string;
  /** Blanks and carets to print below it. */
  readonly marks: string;
}

/**
 * @param line one line of a file, without its end
 * @param start UTF-16 offset in it where the mark begins
 * @param end offset behind the mark; the mark is at least one column wide
 * @param width columns that may be used
 */
export function caretLine(line: string, start: number, end: number, width = MAX_WIDTH): CaretLine {
  // a line may be as long as a book, and have a complaint at every word
  if (line.length > NEIGHBOURHOOD) {
    const from = Math.min(Math.max(0, start - NEIGHBOURHOOD / 2), line.length - NEIGHBOURHOOD);
    return caretLine(line.slice(from, from + NEIGHBOURHOOD), start - from, end - from, width);
  }
  const cells = cellsOf(line.replace(/\r$/, ""));
  const from = columnAt(cells, start);
  const to = Math.max(from + 1, columnAt(cells, end));
  const total = cells.reduce((sum, cell) => sum + cell.width, 0);
  // room for what stands before the mark is given up first: the mark is what matters
  const shift = total <= width || from < width - 12 ? 0 : Math.min(from - 8, Math.max(0, total - width + 1));
  const cut = window(cells, shift, width);
  const marks = Math.max(1, Math.min(to - shift, width) - (from - shift));
  return { text: cut, marks: " ".repeat(Math.max(0, from - shift)) + "^".repeat(marks) };
}

interface Cell {
  readonly text: string;
  readonly width: number;
  readonly offset: number;
  readonly length: number;
}

function cellsOf(line: string): Cell[] {
  const cells: Cell[] = [];
  let offset = 0;
  let column = 0;
  for (const char of line) {
    const cell = harmless(char, column);
    cells.push({ ...cell, offset, length: char.length });
    offset += char.length;
    column += cell.width;
  }
  return cells;
}

function harmless(char: string, column: number): { readonly text: string; readonly width: number } {
  if (char === "\t") {
    const width = TAB_WIDTH - (column % TAB_WIDTH);
    return { text: " ".repeat(width), width };
  }
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0x20 && code < 0x7f) return { text: char, width: 1 };
  if (code < 0x20) return { text: String.fromCodePoint(0x2400 + code), width: 1 };
  if (code === 0x7f) return { text: "\u2421", width: 1 };
  if (INVISIBLE.test(char)) return { text: "\ufffd", width: 1 };
  if (/^\p{M}$/u.test(char)) return { text: char, width: 0 };
  return { text: char, width: isWide(code) ? 2 : 1 };
}

/** C1 controls, format characters (which may turn the writing direction round), lone surrogates, line separators. */
const INVISIBLE = /^[\u0080-\u009f\p{Cf}\p{Cs}\u2028\u2029]$/u;

/** East Asian wide and emoji, by Unicode's blocks. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1f64f) ||
    (code >= 0x1f900 && code <= 0x1f9ff) || (code >= 0x20000 && code <= 0x3fffd)
  );
}

function columnAt(cells: readonly Cell[], offset: number): number {
  let column = 0;
  for (const cell of cells) {
    if (cell.offset + cell.length > offset) return column;
    column += cell.width;
  }
  return column;
}

/** The columns from `shift` on, with an ellipsis where something was left out. */
function window(cells: readonly Cell[], shift: number, width: number): string {
  let column = 0;
  let text = "";
  let used = 0;
  for (const cell of cells) {
    const at = column;
    column += cell.width;
    if (at < shift) continue;
    if (used === 0 && at > shift) {
      // a wide character was cut in two
      text += " ".repeat(at - shift);
      used += at - shift;
    }
    if (used + cell.width > width - 1 && column < total(cells)) {
      text += "…";
      break;
    }
    text += cell.text;
    used += cell.width;
  }
  if (shift === 0 || text === "") return text;
  const first = text.codePointAt(0) ?? 0;
  return `…${isWide(first) ? " " : ""}${text.slice(String.fromCodePoint(first).length)}`;
}

function total(cells: readonly Cell[]): number {
  return cells.reduce((sum, cell) => sum + cell.width, 0);
}

/** A text for a terminal on one line: control characters and line ends shown, not obeyed; its begin, if it is huge. */
export function harmlessText(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return Array.from(short).map((char) => (char === "\t" ? " " : harmless(char, 0).text)).join("");
}
