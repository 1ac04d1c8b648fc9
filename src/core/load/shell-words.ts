/** A word of a command line, with its place in the text. */
export interface ShellWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export type ShellWords = { readonly words: readonly ShellWord[] } | { readonly problem: string; readonly at: number };

/**
 * Splits a text into words as a POSIX shell does, and does nothing else of what a shell does: no variables, no
 * globs, no substitutions, no operators. With `comments`, as Python's `shlex.split(line, comments=True)`: a `#`
 * outside of quotes ends the text, even inside of a word (that is how Ansible reads an INI inventory).
 */
export function shellWords(text: string, options: { readonly comments: boolean } = { comments: false }): ShellWords {
  const words: ShellWord[] = [];
  let word: string | undefined;
  let start = 0;
  let i = 0;
  const push = (end: number): void => {
    if (word !== undefined) words.push({ text: word, start, end });
    word = undefined;
  };
  for (; i < text.length; i += 1) {
    const char = text[i] ?? "";
    if (/[ \t\r\n]/.test(char)) {
      push(i);
      continue;
    }
    if (options.comments && char === "#") break;
    if (word === undefined) start = i;
    word ??= "";
    if (char === "\\") {
      if (i + 1 >= text.length) return { problem: "a backslash ends the text", at: i };
      i += 1;
      word += text[i] ?? "";
    } else if (char === "'") {
      const close = text.indexOf("'", i + 1);
      if (close === -1) return { problem: "this quote is not closed", at: i };
      word += text.slice(i + 1, close);
      i = close;
    } else if (char === '"') {
      const quoted = doubleQuoted(text, i);
      if (quoted === undefined) return { problem: "this quote is not closed", at: i };
      word += quoted.text;
      i = quoted.close;
    } else word += char;
  }
  push(i);
  return { words };
}

function doubleQuoted(text: string, open: number): { readonly text: string; readonly close: number } | undefined {
  let result = "";
  for (let i = open + 1; i < text.length; i += 1) {
    const char = text[i] ?? "";
    if (char === '"') return { text: result, close: i };
    // inside of double quotes a backslash is one, unless it stands before a quote or another backslash
    if (char === "\\" && (text[i + 1] === '"' || text[i + 1] === "\\")) {
      i += 1;
      result += text[i] ?? "";
    } else result += char;
  }
  return undefined;
}
