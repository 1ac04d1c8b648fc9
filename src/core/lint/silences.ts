import { Lexer } from "yaml";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Replacement, SourceText } from "../model/source.js";
import { ruleProblem } from "./config.js";

const MARK = "converge-lint-ignore";
const FORM = /^[#;]+\s*converge-lint-ignore\b\s*([^:]*?)\s*(?::\s*(.*?))?\s*$/;

/** A comment `# converge-lint-ignore RULE[, RULE]: REASON`, about its own line, or the next one if it stands alone. */
interface Silence {
  readonly rule: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  /** Takes the whole comment away; unset where it names other rules too. */
  readonly removal?: Replacement;
  used: boolean;
}

interface Comment {
  readonly text: string;
  readonly start: number;
}

/** The silences of one file. */
export class Silences {
  readonly diagnostics: Diagnostic[] = [];
  private readonly silences: Silence[] = [];
  private readonly lines: readonly number[];

  constructor(private readonly source: SourceText) {
    this.lines = source.text.includes(MARK) ? lineStarts(source.text) : [];
    if (this.lines.length === 0) return;
    for (const comment of commentsOf(source)) if (comment.text.includes(MARK)) this.read(comment);
  }

  /** Whether a finding that begins at an offset is silenced. */
  silence(rule: string, offset: number): boolean {
    if (this.silences.length === 0) return false;
    const line = lineAt(this.lines, offset);
    const found = this.silences.filter((silence) => silence.rule === rule && silence.line === line);
    for (const silence of found) silence.used = true;
    return found.length > 0;
  }

  /** Those that have silenced nothing; to be asked once every finding is known. */
  unused(): Diagnostic[] {
    return this.silences.filter((silence) => !silence.used).map(({ rule, start, end, removal }) => ({
      severity: "warning", code: "silence-unused", at: { source: this.source, start, end },
      summary: `'${rule}' finds nothing here that this comment could silence`, fix: "Take the comment out",
      ...(removal === undefined ? {} : { edits: [removal] }),
    }));
  }

  private read({ text, start }: Comment): void {
    const match = FORM.exec(text);
    const end = start + text.trimEnd().length;
    const at = { source: this.source, start, end };
    const names = (match?.[1] ?? "").split(/[\s,]+/).filter((name) => name !== "");
    if (match === null || names.length === 0) {
      this.diagnostics.push({
        severity: "error", code: "silence-form", at, summary: "this comment silences nothing: it names no rule",
        fix: `Write # ${MARK} RULE: REASON`,
      });
      return;
    }
    if ((match[2] ?? "") === "") {
      this.diagnostics.push({
        severity: "warning", code: "silence-without-reason", at, summary: "this comment does not say why",
        fix: `Write # ${MARK} ${names.join(", ")}: and the reason behind the colon`,
      });
    }
    const own = lineAt(this.lines, start);
    const before = this.source.text.slice(this.lines[own] ?? 0, start);
    const alone = before.trim() === "";
    const line = alone ? this.nextLine(own + 1) : own;
    for (const name of names) {
      const problem = ruleProblem(name);
      if (problem !== undefined) {
        const from = start + text.indexOf(name, text.indexOf(MARK) + MARK.length);
        const place = { source: this.source, start: from, end: from + name.length };
        this.diagnostics.push({ severity: "error", code: "unknown-rule", at: place, ...problem });
        continue;
      }
      const removal = alone
        ? { start: this.lines[own] ?? 0, end: this.lines[own + 1] ?? this.source.text.length, text: "" }
        : { start: start - (before.length - before.trimEnd().length), end, text: "" };
      this.silences.push({ rule: name, line, start, end, used: false, ...(names.length > 1 ? {} : { removal }) });
    }
  }

  /** The next line that holds something other than a comment: several comments may stand above one line. */
  private nextLine(from: number): number {
    for (let line = from; line < this.lines.length; line += 1) {
      const text = this.source.text.slice(this.lines[line] ?? 0, this.lines[line + 1] ?? this.source.text.length).trim();
      if (text !== "" && !/^[#;]/.test(text)) return line;
    }
    return from;
  }
}

/** Comments by the grammar of the file: a `#` in a text is none. */
function commentsOf({ file, text }: SourceText): Comment[] {
  return /\.(ya?ml|json)$/.test(file) || /^(---|[^[\n]*:\s*$)/m.test(text) ? yamlComments(text) : iniComments(text);
}

function yamlComments(text: string): Comment[] {
  const comments: Comment[] = [];
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    // the lexer's own marks (\u0002 and the like) are no part of the text
    if (!text.startsWith(lexeme, offset)) continue;
    if (lexeme.startsWith("#")) comments.push({ text: lexeme, start: offset });
    offset += lexeme.length;
  }
  return comments;
}

function iniComments(text: string): Comment[] {
  return [...text.matchAll(/(?:^[^\S\n]*[#;]|(?<=\s)#).*$/gm)].map((match) => {
    const indent = match[0].length - match[0].trimStart().length;
    return { text: match[0].slice(indent), start: match.index + indent };
  });
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = text.indexOf("\n"); i !== -1; i = text.indexOf("\n", i + 1)) starts.push(i + 1);
  return starts;
}

/** Index of the line that an offset lies in, by bisection. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
