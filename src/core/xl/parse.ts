import type { Checked, Diagnostic, Severity } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import { stars } from "../model/secret-values.js";
import type { SourceText } from "../model/source.js";
import type { XlToken } from "./lex.js";
import { lexXl } from "./lex.js";
import { hidingSecrets } from "./secrets.js";
import { decodeValue } from "./string-literal.js";
import type { XlConfig, XlStatement, XlValue } from "./syntax.js";
import { complaintAboutValue, lexicalComplaint, LONGEST_QUOTED, type Complaint } from "./complaints.js";

/** Lists in lists: xl's own parser gives up a few thousand deep, and no setting of xl has more than three. */
const DEEPEST = 100;
/** A guest's config has some KiB. Each character may be a token that takes many times its room. In UTF-16 units. */
const LONGEST = 4 * 1024 * 1024;
/** A file of noise need not be told line by line. */
const MOST_DIAGNOSTICS = 50;

/**
 * Parses an xl config, by the grammar of tools/libs/util/libxlu_cfg_y.y.
 * @param source the file's whole text, decoded with `ignoreBOM: true`
 * @returns no config where xl would refuse the file; every complaint has its place. Never throws, takes
 * linear time
 */
export function parseXlConfig(source: SourceText): Checked<XlConfig> {
  const { config, diagnostics } = parseWhatCanBe(source);
  return { value: hasErrors(diagnostics) ? undefined : config, diagnostics };
}

/** As {@link parseXlConfig}, with the statements that could be understood in a file that xl refuses. */
export function parseWhatCanBe(source: SourceText): {
  readonly config: XlConfig;
  readonly diagnostics: readonly Diagnostic[];
} {
  if (source.text.length > LONGEST) return { config: { source, tokens: [], statements: [] }, diagnostics: [tooLarge(source)] };
  const hiding = hidingSecrets(source);
  const parser = new Parser(hiding, lexXl(source.text));
  parser.file();
  const config: XlConfig = { source: hiding, tokens: parser.tokens, statements: parser.statements };
  return { config, diagnostics: parser.diagnostics };
}

function tooLarge(source: SourceText): Diagnostic {
  return {
    severity: "error", code: "too-large", summary: `the config is longer than ${LONGEST / 1024 ** 2} MiB, and is not read`,
    at: { source, start: 0, end: 0 }, fix: "See whether it is a guest's config at all.",
  };
}

/** The text that a config was parsed from, put together from its tokens: nothing is lost in parsing. */
export function printXlConfig(config: XlConfig): string {
  return config.tokens.map((token) => config.source.text.slice(token.start, token.end)).join("");
}

class Parser {
  readonly statements: XlStatement[] = [];
  readonly diagnostics: Diagnostic[] = [];
  /** Index of the token to look at; blanks are stepped over. */
  private at = 0;
  private carriageReturnTold = false;
  private readonly shapes = new Map<string, "list" | "atom">();

  constructor(
    private readonly source: SourceText,
    readonly tokens: readonly XlToken[],
  ) {}

  file(): void {
    for (let token = this.peek(); token !== undefined; token = this.peek()) {
      if (token.kind === "newline" || token.kind === "comment" || token.kind === ";") this.at += 1;
      else if (!this.statement(token)) this.resynchronise();
    }
  }

  /** @returns false where the statement could not be read to its end */
  private statement(first: XlToken): boolean {
    if (first.kind !== "identifier") return this.refuseStart(first);
    this.at += 1;
    const operator = this.peek();
    if (operator?.kind !== "=" && operator?.kind !== "+=") {
      return this.refuseOperator(first, operator);
    }
    this.at += 1;
    const value = this.value();
    if (value === undefined) return false;
    const key = this.textOf(first);
    this.store({ key, operator: operator.kind, value, start: first.start, keyEnd: first.end });
    const next = this.peek();
    // a comment is a newline to xl's parser
    if (next === undefined || next.kind === "newline" || next.kind === "comment" || next.kind === ";")
      return true;
    return this.refuseEnd(value, next);
  }

  private store(statement: XlStatement): void {
    const shape = statement.value.kind === "list" ? "list" : "atom";
    const before = this.shapes.get(statement.key);
    if (statement.operator === "+=" && before !== undefined && before !== shape) {
      const is = (s: "list" | "atom"): string => (s === "list" ? "a list" : "a single value");
      this.complain(statement.start, statement.value.end, {
        code: "xl-add",
        summary: `'${statement.key}' is ${is(before)} so far, and ${is(shape)} cannot be added to it`,
        fix: before === "list" ? "Put the value in brackets: [ … ]." : "Leave the brackets out, or use '='.",
      });
      return;
    }
    this.shapes.set(statement.key, shape);
    this.statements.push(statement);
  }

  /** An atom, or a list with a stack of its own: the depth of a file must not become the depth of calls. */
  private value(): XlValue | undefined {
    const open: { start: number; items: XlValue[]; wantsItem: boolean }[] = [];
    for (;;) {
      const list = open.at(-1);
      if (list !== undefined) this.skipLines();
      const token = this.peek();
      let done: XlValue | undefined;
      if (token?.kind === "]" && list !== undefined) {
        this.at += 1;
        open.pop();
        done = { kind: "list", start: list.start, end: token.end, items: list.items };
      } else if (token?.kind === "," && list !== undefined && !list.wantsItem) {
        this.at += 1;
        list.wantsItem = true;
        continue;
      } else if (list !== undefined && !list.wantsItem) {
        this.refuseInList(list.start, token);
        return;
      } else if (token?.kind === "[") {
        this.at += 1;
        if (open.length === DEEPEST) {
          this.refuse(token.start, token.end, {
            code: "xl-list",
            summary: `lists are nested more than ${DEEPEST} deep`,
          });
          return;
        }
        open.push({ start: token.start, items: [], wantsItem: true });
        continue;
      } else if (token?.kind === "string" || token?.kind === "number") {
        this.at += 1;
        done =
          token.kind === "string"
            ? this.string(token)
            : { kind: "number", start: token.start, end: token.end, value: this.textOf(token) };
      } else {
        this.refuseValue(list?.start, list?.items.length ?? 0, token);
        return;
      }
      const parent = open.at(-1);
      if (parent === undefined) return done;
      parent.items.push(done);
      parent.wantsItem = false;
    }
  }

  private string(token: XlToken): XlValue {
    const { text } = this.source;
    const { value, problems } = decodeValue(text, token.start, token.end);
    for (const problem of problems) {
      const written = text.slice(problem.start, problem.end);
      const accepted = "xl knows \\\" \\' \\\\ \\a \\b \\f \\n \\r \\t \\v";
      this.complain(
        problem.start,
        problem.end,
        problem.refused
          ? {
              code: "xl-escape",
              summary: `unknown escape '${written}' in a string`,
              detail: accepted,
              fix: "Write '\\\\' for a backslash.",
            }
          : {
              code: "xl-escape",
              severity: "warning",
              summary: `xl drops the escape '${written}' without a word`,
              detail: accepted,
              fix: "Write the character itself.",
            },
      );
    }
    return {
      kind: "string",
      start: token.start,
      end: token.end,
      quote: text[token.start] === "'" ? "'" : '"',
      value,
    };
  }

  // What is wrong, in the words of whoever has to mend it. All of these return what their callers return.

  private refuseStart(token: XlToken): false {
    if (token.kind === "error") {
      this.complain(token.start, token.end, lexicalComplaint(this.source.text, token));
      // a byte-order mark hides nothing: what stands behind it can be read
      if (token.problem === "byte-order-mark") this.at += 1;
      return false;
    }
    const what = this.word(token);
    this.complain(what.start, what.end, {
      code: "xl-statement",
      summary: `a setting cannot begin with '${what.text}'`,
      detail: "xl expects KEY = VALUE, and a key begins with a small letter",
    });
    return false;
  }

  private refuseOperator(key: XlToken, token: XlToken | undefined): false {
    if (token?.kind === "error" && token.problem !== "character") {
      this.complain(token.start, token.end, lexicalComplaint(this.source.text, token));
      return false;
    }
    const glued =
      token !== undefined && token.kind !== "newline" && token.kind !== "blank" && token.start === key.end;
    const what = glued ? this.word(key) : { start: key.start, end: key.end, text: this.textOf(key) };
    this.complain(
      what.start,
      what.end,
      glued
        ? {
            code: "xl-statement",
            summary: `'${what.text}' is no key of an xl config`,
            detail: "keys are small letters, digits, '_' and '.'; Python is not read by xl",
          }
        : {
            code: "xl-statement",
            summary: `'${what.text}' stands without a value`,
            fix: `Write '${what.text}' and its value on one line, with '=' between them.`,
          },
    );
    return false;
  }

  private refuseEnd(value: XlValue, token: XlToken): false {
    const { text } = this.source;
    if (token.kind === "error" && token.problem !== "character" && token.problem !== "backslash") {
      this.complain(token.start, token.end, lexicalComplaint(text, token));
      return false;
    }
    const what =
      value.kind === "number" && token.start === value.end ? this.wordFrom(value.start) : this.word(token);
    this.complain(what.start, what.end, complaintAboutValue(text, value, what));
    return false;
  }

  private refuseValue(listStart: number | undefined, items: number, token: XlToken | undefined): undefined {
    if (listStart !== undefined && (token === undefined || this.beginsStatement(token))) {
      this.refuseUnclosed(listStart);
      return;
    }
    if (token === undefined || token.kind === "newline" || token.kind === "comment" || token.kind === ";") {
      const place = token?.start ?? this.source.text.length;
      this.refuse(place, place, {
        code: "xl-value",
        summary: "a value is missing here",
        fix: "Write the value, or its opening bracket, on the line of the '='.",
      });
      return;
    }
    if (token.kind === "," && listStart !== undefined) {
      this.refuse(token.start, token.end, {
        code: "xl-list",
        summary: items === 0 ? "a list cannot begin with a comma" : "two commas with no value between",
        fix: "Remove the comma.",
      });
      return;
    }
    if (token.kind === "error" && token.problem !== "character") {
      this.refuse(token.start, token.end, lexicalComplaint(this.source.text, token));
      return;
    }
    const what = this.word(token);
    this.refuse(what.start, what.end, complaintAboutValue(this.source.text, undefined, what));
  }

  private refuseInList(listStart: number, token: XlToken | undefined): undefined {
    if (token === undefined || this.beginsStatement(token)) {
      this.refuseUnclosed(listStart);
      return;
    }
    if (token.kind === "error" && token.problem !== "character" && token.problem !== "backslash") {
      this.refuse(token.start, token.end, lexicalComplaint(this.source.text, token));
      return;
    }
    const before = this.tokens[this.at - 1];
    if (before?.kind === "number" && /[a-zA-Z.(:_]/.test(this.source.text.charAt(token.start))) {
      const number = this.word(before);
      this.refuse(number.start, number.end, complaintAboutValue(this.source.text, undefined, number));
      return;
    }
    const what = this.word(token);
    if (token.kind === "string" || token.kind === "number" || token.kind === "[") {
      this.refuse(what.start, what.end, {
        code: "xl-list",
        summary: "a comma is missing before this value",
        detail: "xl does not join strings that stand side by side",
        fix: "Put a comma between the two values.",
      });
      return;
    }
    this.refuse(what.start, what.end, {
      code: "xl-list",
      summary: `'${what.text}' cannot stand here in a list`,
      detail: "a comma or the closing ']' is expected",
    });
  }

  private refuseUnclosed(listStart: number): undefined {
    this.refuse(listStart, listStart + 1, {
      code: "xl-list",
      summary: "this list is never closed",
      fix: "Close it with ']' behind its last value.",
    });
  }

  private refuse(start: number, end: number, complaint: Complaint): undefined {
    this.complain(start, end, complaint);
    return undefined;
  }

  private complain(start: number, end: number, complaint: Complaint): void {
    if (complaint.code === "xl-line-ending") {
      if (this.carriageReturnTold) return;
      this.carriageReturnTold = true;
    }
    // skipping on from a complaint may come by its place again
    if (this.diagnostics.length >= MOST_DIAGNOSTICS || this.diagnostics.at(-1)?.at?.start === start) return;
    const severity: Severity = complaint.severity ?? "error";
    const isSecret = this.source.hidden?.some((place) => place.start < end && start < place.end) === true;
    const shown = isSecret ? withoutWord(complaint, this.source.text.slice(start, end)) : complaint;
    this.diagnostics.push({ ...shown, severity, at: { source: this.source, start, end } });
  }

  // Looking around.

  /** The next token that is no blank, which becomes the current one. */
  private peek(): XlToken | undefined {
    while (this.tokens[this.at]?.kind === "blank") this.at += 1;
    const token = this.tokens[this.at];
    if (token?.kind !== "error" || !this.escapesNotice(token)) return token;
    const complaint = lexicalComplaint(this.source.text, token);
    this.complain(token.start, token.end, {
      ...complaint,
      severity: "warning",
      detail: "xl overlooks it only because it is the very last character",
    });
    this.at += 1;
    return undefined;
  }

  /**
   * xl's scanner complains of a strange character when it sees the next one: it never sees one behind the
   * last.
   */
  private escapesNotice(token: XlToken): boolean {
    return (
      token.end === this.source.text.length &&
      token.end - token.start === 1 &&
      this.source.text.charCodeAt(token.start) < 0x80
    );
  }

  private skipLines(): void {
    for (
      let token = this.peek();
      token?.kind === "newline" || token?.kind === "comment";
      token = this.peek()
    ) {
      this.at += 1;
    }
  }

  private textOf(token: XlToken): string {
    return this.source.text.slice(token.start, token.end);
  }

  /** The run of characters around a token that a reader takes for one word: `10G`, `3.5`, `True`. */
  private word(token: XlToken): { start: number; end: number; text: string } {
    return this.wordFrom(token.start);
  }

  private wordFrom(start: number): { start: number; end: number; text: string } {
    const pattern = /[^\s,;[\]]{1,80}/y;
    pattern.lastIndex = start;
    const text = pattern.exec(this.source.text)?.[0] ?? this.source.text.charAt(start);
    return { start, end: start + text.length, text };
  }

  /** `key =` at the beginning of a line: the reader has gone on to the next setting. */
  private beginsStatement(token: XlToken, index: number = this.at): boolean {
    if (token.kind !== "identifier") return false;
    let next = index + 1;
    while (this.tokens[next]?.kind === "blank") next += 1;
    const kind = this.tokens[next]?.kind;
    return kind === "=" || kind === "+=";
  }

  /** After a complaint: on with the next line that begins a setting, so that one mistake is told once. */
  private resynchronise(): void {
    for (let lineStart = false; this.at < this.tokens.length; this.at += 1) {
      const token = this.tokens[this.at];
      if (token === undefined) return;
      if (token.kind === "newline") lineStart = true;
      else if (token.kind === "blank") continue;
      else if (lineStart && this.beginsStatement(token)) return;
      else {
        if (
          token.kind === "error" &&
          (token.problem === "carriage-return" || token.problem === "comment-at-end")
        ) {
          this.complain(token.start, token.end, lexicalComplaint(this.source.text, token));
        }
        lineStart = false;
      }
    }
  }
}

/** A complaint about a word that is a password, or holds one: stars where it quotes the word, or the begin of it. */
function withoutWord(complaint: Complaint, word: string): Complaint {
  const begin = JSON.stringify(word.slice(0, LONGEST_QUOTED));
  const hide = (text: string): string =>
    [`'${word}'`, `"${word}"`, begin].reduce((shown, quoted) => shown.replaceAll(quoted, `${quoted.charAt(0)}${stars(quoted.slice(1, -1))}${quoted.charAt(0)}`), text);
  const { summary, detail, fix } = complaint;
  return {
    ...complaint, summary: hide(summary), ...(detail === undefined ? {} : { detail: hide(detail) }), ...(fix === undefined ? {} : { fix: hide(fix) }),
  };
}
