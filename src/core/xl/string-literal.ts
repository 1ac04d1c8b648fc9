/** What a quoted string of an xl config means, and where each of its characters was written. */

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "\\": "\\",
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const NAMES_OF_CONTROLS: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** An escape that xl refuses, or takes for something else than its writer meant. */
export interface EscapeProblem {
  readonly start: number;
  readonly end: number;
  readonly refused: boolean;
}

export interface DecodedString {
  readonly value: string;
  /**
   * For each UTF-16 unit of the value the offset in the text where it was written, and at last that of the
   * closing quote: the units [a, b) of the value were written at [places[a], places[b]).
   */
  readonly places: readonly number[];
  readonly problems: readonly EscapeProblem[];
}

/**
 * Decodes a quoted string as xlu__cfgl_dequote does (tools/libs/util/libxlu_cfg.c). Of its numeric escapes
 * `\x` never gets past its own check, and an octal one is consumed and forgotten: it leaves no character at
 * all.
 * @param start offset of the opening quote
 * @param end offset behind the closing quote
 */
export function decodeString(text: string, start: number, end: number): DecodedString {
  const places: number[] = [];
  const problems: EscapeProblem[] = [];
  const close = end - 1;
  let value = "";
  let at = start + 1;
  while (at < close) {
    const character = text.charAt(at);
    if (character !== "\\") {
      value += character;
      places.push(at);
      at += 1;
      continue;
    }
    const escaped = text.charAt(at + 1);
    const meaning = Object.hasOwn(ESCAPES, escaped) ? ESCAPES[escaped] : undefined;
    if (meaning !== undefined) {
      value += meaning;
      places.push(at);
      at += 2;
      continue;
    }
    // one digit, then what strtoul reads of the next three characters: it has to be two of them or all three
    const octal = /^\\[0-7](?=[^]{2})[ \t\v\f\r]*[+-]?[0-9]+/.exec(text.slice(at, Math.min(at + 5, close)));
    const taken = octal !== null && octal[0].length >= 4;
    const length = taken ? octal[0].length : 2;
    problems.push({ start: at, end: at + length, refused: !taken });
    at += length;
  }
  places.push(close);
  return { value, places, problems };
}

/** As {@link decodeString}, without the places: nearly all strings are what stands there. */
export function decodeValue(text: string, start: number, end: number): Omit<DecodedString, "places"> {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes("\\") ? decodeString(text, start, end) : { value: inner, problems: [] };
}

/**
 * Text to stand between quotes so that xl reads `value`.
 * @returns undefined where the language has no way to write a character of it (a NUL or other control
 * character)
 */
export function encodeString(value: string, quote: "'" | '"'): string | undefined {
  let encoded = "";
  for (const character of value) {
    if (character === quote || character === "\\") encoded += `\\${character}`;
    else if (Object.hasOwn(NAMES_OF_CONTROLS, character)) encoded += NAMES_OF_CONTROLS[character] ?? "";
    else if (character === "\0") return undefined;
    else encoded += character;
  }
  return encoded;
}
