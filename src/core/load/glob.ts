/** True for a name that is a pattern: it holds `*`, `?` or `[`. */
export function isGlob(name: string): boolean {
  return /[*?[]/.test(name);
}

/**
 * A glob as a regular expression, by the rules of Python's fnmatch, which Ansible uses: `*` any text, `?` one
 * character, `[abc]` and `[!abc]` one of a set; everything else stands for itself. (picomatch would add braces and
 * leave out names that begin with a dot.)
 */
export function globExpression(glob: string): RegExp {
  const chunks: string[] = [""];
  for (let i = 0; i < glob.length; i += 1) {
    const char = glob[i] ?? "";
    let piece = char.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
    if (char === "*") {
      // one star does the work of many
      if (chunks.at(-1) !== "" || chunks.length === 1) chunks.push("");
      continue;
    }
    if (char === "?") piece = "[^]";
    else if (char === "[") {
      const close = glob.indexOf("]", glob[i + 1] === "!" ? i + 3 : i + 2);
      const set = close === -1 ? undefined : setOf(glob.slice(i + 1, close));
      if (set !== undefined) {
        piece = set;
        i = close;
      }
    }
    chunks.push((chunks.pop() ?? "") + piece);
  }
  // by characters, as Python counts them, and not by halves of them
  return new RegExp(`^(?:${joinedChunks(chunks)})$`, "u");
}

/**
 * The parts between stars, as Python joins them since 3.9: the first place where a part fits is as good as any later one,
 * so it is settled once it is found (a look-ahead and what it caught). Otherwise `*a*a*a*b` could take for ever.
 */
function joinedChunks([first = "", ...rest]: readonly string[]): string {
  const last = rest.pop();
  if (last === undefined) return first;
  return `${first}${rest.map((chunk, i) => `(?=([^]*?${chunk}))\\${i + 1}`).join("")}[^]*${last}`;
}

function setOf(body: string): string | undefined {
  const negated = body.startsWith("!");
  const members = (negated ? body.slice(1) : body).replace(/[\\\]^[]/g, "\\$&");
  const set = `[${negated ? "^" : ""}${members}]`;
  try {
    new RegExp(set, "u");
    return set;
  } catch {
    // a range that runs backwards matches nothing in fnmatch
    return "(?!)";
  }
}

/** Whether a name, exact or a glob, means this one. */
export function globMatches(pattern: string, name: string): boolean {
  return isGlob(pattern) ? globExpression(pattern).test(name) : pattern === name;
}
