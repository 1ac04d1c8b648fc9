import { didYouMean } from "./suggest.js";
import { FILTER_NAMES } from "./filters.js";

/**
 * The grammar of `{{ path | filter: argument }}`. LiquidJS evaluates, but what reaches it has passed here: no tags,
 * no ranges, no operators, nothing that it would skip in silence, and every name with its place.
 *
 *     expression = value { "|" filter [ ":" value { "," value } ] }
 *     value      = string | number | true | false | nil | path
 *     path       = name { "." name | "[" (number | string | path) "]" }
 */
export interface Expression {
  /** Offsets in the text that holds it, from `{{` to behind `}}`. */
  readonly start: number;
  readonly end: number;
  /** What stands between the braces. */
  readonly inner: string;
  readonly innerStart: number;
  /** The variables that it reads, by their first name. */
  readonly roots: readonly Word[];
  /** Its first filter is `default`: the variable before it may be undefined. */
  readonly hasDefault: boolean;
}

export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A mistake in a template; offsets in its text. */
export interface TemplateProblem {
  readonly code: "template-syntax" | "unknown-filter";
  readonly summary: string;
  readonly start: number;
  readonly end: number;
  readonly fix?: string;
}

export type ScannedExpression = { readonly expression: Expression } | { readonly problem: TemplateProblem };

interface Token extends Word {
  readonly kind: "name" | "string" | "number" | "mark";
}

const TOKEN = /\s*(?:([A-Za-z_][\w-]*)|('[^']*'|"[^"]*")|(-?\d+(?:\.\d+)?)|(\}\}|[|:.,[\]]))/y;
const LITERALS = new Set(["true", "false", "nil", "null"]);
/** Words to LiquidJS, which would not look for a variable of that name. */
const RESERVED = new Set(["empty", "blank", "not", "and", "or", "contains"]);

/** Reads the expression that begins with the `{{` at an offset. */
export function scanExpression(text: string, start: number): ScannedExpression {
  const tokens: Token[] = [];
  TOKEN.lastIndex = start + 2;
  for (;;) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) return { problem: unreadable(text, start, from) };
    const [, name, string, number] = match;
    const end = TOKEN.lastIndex;
    const word = name ?? string ?? number ?? match[4] ?? "";
    const token = { text: word, start: end - word.length, end };
    if (word === "}}") {
      const problem = new Grammar(tokens, token).check();
      if (problem !== undefined) return { problem };
      return { expression: finish(text, start, end, tokens) };
    }
    const kind = name !== undefined ? "name" : string !== undefined ? "string" : number !== undefined ? "number" : "mark";
    tokens.push({ kind, ...token });
  }
}

function finish(text: string, start: number, end: number, tokens: readonly Token[]): Expression {
  const roots = tokens.filter((token, i) => {
    const before = tokens[i - 1]?.text;
    return token.kind === "name" && before !== "." && before !== "|" && !LITERALS.has(token.text);
  });
  const pipe = tokens.findIndex((token) => token.text === "|");
  return {
    start, end, inner: text.slice(start + 2, end - 2), innerStart: start + 2, roots,
    hasDefault: pipe !== -1 && tokens[pipe + 1]?.text === "default",
  };
}

function unreadable(text: string, start: number, from: number): TemplateProblem {
  const rest = text.slice(from);
  const at = from + (rest.length - rest.trimStart().length);
  if (at >= text.length) {
    const fix = "Close it with }}";
    return { code: "template-syntax", summary: "'{{' is not closed", start, end: Math.min(start + 2, text.length), fix };
  }
  const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const call = char === "(" || char === ")";
  const quote = char === "'" || char === '"';
  return {
    code: "template-syntax",
    summary: quote ? "a quote in a template is not closed" : `'${char}' has no meaning in a template`,
    start: at,
    end: at + char.length,
    fix: call
      ? "A filter takes its argument behind a colon: {{ name | default: 'x' }}"
      : "A template is a variable and filters: {{ name | lower }}; reckon in the inventory, not here",
  };
}

class Grammar {
  private i = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly close: Word,
  ) {}

  check(): TemplateProblem | undefined {
    if (this.tokens.length === 0) return this.expected("a variable", "Name a variable: {{ name }}");
    const problem = this.value();
    if (problem !== undefined) return problem;
    while (this.take("|")) {
      const wrong = this.filter();
      if (wrong !== undefined) return wrong;
    }
    return this.i < this.tokens.length ? this.expected("'|' or '}}'") : undefined;
  }

  private filter(): TemplateProblem | undefined {
    const name = this.tokens[this.i];
    if (name?.kind !== "name") return this.expected("the name of a filter");
    this.i += 1;
    if (!FILTER_NAMES.includes(name.text)) {
      const { start, end } = name;
      const hint = didYouMean(name.text, FILTER_NAMES);
      const fix = hint ?? `Filters are: ${FILTER_NAMES.join(", ")}`;
      return { code: "unknown-filter", summary: `no filter is called '${name.text}'`, start, end, fix };
    }
    if (!this.take(":")) return undefined;
    do {
      const problem = this.value();
      if (problem !== undefined) return problem;
    } while (this.take(","));
    return undefined;
  }

  private value(): TemplateProblem | undefined {
    const token = this.tokens[this.i];
    if (token === undefined || token.kind === "mark") return this.expected("a variable or a value");
    this.i += 1;
    if (token.kind !== "name" || LITERALS.has(token.text)) return undefined;
    return RESERVED.has(token.text) ? this.reserved(token) : this.steps();
  }

  private reserved({ text, start, end }: Word): TemplateProblem {
    return {
      code: "template-syntax", summary: `'${text}' is a word of the template language, and no variable`, start, end,
      fix: "Give the variable another name; there are no operators: {{ name | lower }}",
    };
  }

  private steps(): TemplateProblem | undefined {
    for (;;) {
      if (this.take(".")) {
        if (this.tokens[this.i]?.kind !== "name") return this.expected("a name after the dot");
        this.i += 1;
      } else if (this.take("[")) {
        const problem = this.value();
        if (problem !== undefined) return problem;
        if (!this.take("]")) return this.expected("']'");
      } else return undefined;
    }
  }

  private take(mark: string): boolean {
    const token = this.tokens[this.i];
    if (token?.kind !== "mark" || token.text !== mark) return false;
    this.i += 1;
    return true;
  }

  private expected(what: string, fix = "A template is a variable and filters: {{ name | lower }}"): TemplateProblem {
    const { text, start, end } = this.tokens[this.i] ?? this.close;
    return { code: "template-syntax", summary: `expected ${what} before '${text}'`, start, end, fix };
  }
}
