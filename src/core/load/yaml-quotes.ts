import { CST } from "yaml";

/**
 * In double quotes a line break behind a backslash is none, and PyYAML and libyaml keep the empty lines that follow it
 * (yaml/scanner.py, scan_flow_scalar_non_spaces): `"a\`, an empty line and `b"` are `a`, a line feed and `b`. Parsers in
 * JavaScript each make something else of it.
 */
const BREAK_BEFORE_EMPTY_LINES = /\\(?:\r?\n((?:[ \t]*\r?\n)+)|[^])/g;

/** Whether a text in double quotes may hold what only `readDoubleQuoted` reads as Ansible does. */
export function hasEscapedBreakBeforeEmptyLine(text: string): boolean {
  return text.includes("\\") && /\\\r?\n[ \t]*\r?\n/.test(text);
}

/** @param written what stands between the quotes; a parser has taken it */
export function readDoubleQuoted(written: string): string {
  const plain = written.replace(BREAK_BEFORE_EMPTY_LINES, (escape, empty: string | undefined) => {
    return empty === undefined ? escape : `${"\\n".repeat(empty.split("\n").length - 1)}\\\n`;
  });
  return CST.resolveAsScalar({ type: "double-quoted-scalar", offset: 0, indent: 0, source: `"${plain}"` }).value;
}
