/**
 * A text in lines of at most `width` columns, broken at blanks; a word that is longer stays whole, so that it can
 * be copied.
 * @param indent begins every line but the first
 */
export function wrapText(text: string, width: number, indent = ""): string[] {
  const leading = /^ */.exec(text)?.[0] ?? "";
  const lines: string[] = [];
  let line = leading;
  let empty = true;
  for (const word of text.trim().split(/ +/)) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}
