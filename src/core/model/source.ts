/**
 * Where a value was written: every value of a playbook, an inventory or an xl config keeps its place, so that a
 * complaint can point at it.
 */

/** A text as it was read, under the name that the user knows it by. */
export interface SourceText {
  /** Path as the user gave it (or `-e` for a command line value, `web1.cfg on dom0a` for a host's file). */
  readonly file: string;
  readonly text: string;
  /** Its lines are not shown in a complaint: they were decrypted. */
  readonly secret?: boolean;
  /** Half-open ranges of it, in their order, that are not shown: who knows its language has found passwords there. */
  readonly hidden?: readonly { readonly start: number; readonly end: number }[];
}

/** A half-open range of UTF-16 offsets in a {@link SourceText}. Lines and columns are looked up when shown. */
export interface SourceRange {
  readonly source: SourceText;
  readonly start: number;
  readonly end: number;
}

/** What shall stand in a range of a text in place of what does; offsets as in {@link SourceRange}. */
export interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A place as people count: the first line is 1, the first column is 1. */
export interface LineColumn {
  readonly line: number;
  readonly column: number;
}

/**
 * Line and column of an offset. A line ends at `\n`; a `\r` before it counts as part of the line.
 * @param text the whole text
 * @param offset UTF-16 offset; beyond the end it means the end
 */
export function lineColumn(text: string, offset: number): LineColumn {
  const end = Math.min(Math.max(offset, 0), text.length);
  let line = 1;
  let lineStart = 0;
  for (let i = text.indexOf("\n"); i !== -1 && i < end; i = text.indexOf("\n", i + 1)) {
    line += 1;
    lineStart = i + 1;
  }
  return { line, column: end - lineStart + 1 };
}
