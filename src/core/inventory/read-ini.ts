import type { SourceRange, SourceText } from "../model/source.js";
import type { Document, Placed } from "../load/document.js";
import type { NumberReading } from "../load/exact-number.js";
import { shellWords } from "../load/shell-words.js";
import { didYouMean } from "../load/suggest.js";
import type { InventoryDraft, Place } from "./draft.js";
import { PythonOnly, literal } from "./literal.js";
import { expandHosts } from "./ranges.js";

type SectionKind = "hosts" | "vars" | "children";

interface Line {
  readonly text: string;
  readonly start: number;
}

/** A group that only a `:vars`, or only `:children` of others, name so far. */
interface Pending {
  readonly kind: "vars" | "children";
  readonly at: Place;
  readonly parents: { readonly name: string; readonly at: Place }[];
}

const SECTION = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/;
/** Where Python's splitlines parts a text: control characters among them. */
const LINE_END = new RegExp(String.raw`\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]`, "g");

/** Reads an INI inventory as Ansible's `ini` plugin does (plugins/inventory/ini.py), into a draft. */
export function readIniInventory(source: SourceText, draft: InventoryDraft, numbers: NumberReading = "plain"): void {
  new IniReader(source, draft, numbers).read();
}

class IniReader {
  private group = "ungrouped";
  private kind: SectionKind = "hosts";
  private readonly pending = new Map<string, Pending>();

  constructor(
    private readonly source: SourceText,
    private readonly draft: InventoryDraft,
    private readonly numbers: NumberReading,
  ) {}

  read(): void {
    const { text } = this.source;
    let offset = 0;
    for (const end of text.matchAll(LINE_END)) {
      this.rawLine(text.slice(offset, end.index), offset);
      offset = end.index + end[0].length;
    }
    this.rawLine(text.slice(offset), offset);
    for (const [name, { kind, at, parents }] of this.pending) {
      const summary = kind === "vars"
        ? `variables for the group '${name}', which nothing defines`
        : `the child group '${name}' is not defined`;
      const known = [...this.draft.groups.keys()].filter((group) => group !== name);
      const fix = didYouMean(name, known) ?? `Define it: [${name}]`;
      this.draft.complain("undefined-group", summary, parents[0]?.at ?? at, fix);
    }
  }

  private rawLine(raw: string, offset: number): void {
    const text = raw.trim();
    if (text === "" || text.startsWith("#") || text.startsWith(";")) return;
    const line = { text, start: offset + (raw.length - raw.trimStart().length) };
    const section = text.startsWith("[") ? SECTION.exec(text) : null;
    if (section !== null) this.section(section, line);
    else if (text.startsWith("[") && text.endsWith("]")) {
      this.complain("ini-syntax", "this is no section: no blanks, one name, then :vars or :children", line);
    } else if (this.kind === "hosts") this.hosts(line);
    else if (this.kind === "vars") this.variable(line);
    else this.child(line);
  }

  private section(match: RegExpExecArray, line: Line): void {
    const kind = match[2] ?? "hosts";
    if (kind !== "hosts" && kind !== "vars" && kind !== "children") {
      const fix = didYouMean(kind, ["hosts", "vars", "children"]) ?? "A section is [group], [group:vars] or [group:children]";
      this.complain("ini-syntax", `no section is of the kind ':${kind}'`, line, fix);
      return;
    }
    const name = match[1] ?? "";
    this.group = name;
    this.kind = kind;
    const at = this.place(line);
    if (!this.draft.hasGroup(name)) {
      if (kind === "vars" && !this.pending.has(name)) this.pending.set(name, { kind: "vars", at, parents: [] });
      this.draft.group(name, at);
    }
    if (kind !== "vars") this.declared(name);
  }

  /** Parents that waited for a group get it now: that is the order of their children in Ansible. */
  private declared(name: string): void {
    const waiting = [name];
    for (const group of waiting) {
      const pending = this.pending.get(group);
      this.pending.delete(group);
      for (const parent of pending?.parents ?? []) {
        this.draft.child(parent.name, group, parent.at);
        if (this.pending.get(parent.name)?.kind === "children") waiting.push(parent.name);
      }
    }
  }

  private hosts(line: Line): void {
    const split = shellWords(line.text, { comments: true });
    if ("problem" in split) {
      this.complain("ini-syntax", split.problem, { text: line.text.slice(split.at), start: line.start + split.at });
      return;
    }
    const [first, ...rest] = split.words;
    if (first === undefined) return;
    const nameLine = { text: line.text.slice(first.start, first.end), start: line.start + first.start };
    const at = this.place(nameLine);
    const names = this.names(first.text, nameLine);
    const variables = rest.map((word) => {
      const place = { text: line.text.slice(word.start, word.end), start: line.start + word.start };
      const equals = word.text.indexOf("=");
      if (equals === -1) {
        this.complain("ini-syntax", `expected name=value after the host, not '${word.text}'`, place,
          "One host a line; a value with blanks stands in quotes");
        return undefined;
      }
      const value = this.typed(word.text.slice(equals + 1), place);
      return [word.text.slice(0, equals), this.placed(value, place, place.text.indexOf("=") + 1)] as const;
    });
    if (names === undefined) return;
    const port = names.port === undefined ? undefined : this.placed(names.port, nameLine, 0);
    for (const name of names.names) {
      this.draft.host(name, this.group, at, port);
      for (const variable of variables) if (variable !== undefined) this.draft.variable(name, variable[0], variable[1]);
    }
  }

  private names(word: string, line: Line): { readonly names: readonly string[]; readonly port?: number } | undefined {
    const expanded = expandHosts(word);
    if ("problem" in expanded) {
      this.complain("host-range", expanded.problem, line);
      return undefined;
    }
    if ((word.trim().endsWith(":") && expanded.port === undefined) || word.trim() === "---") {
      this.complain("ini-syntax", `'${word}' is no host's name`, line, "A YAML inventory has the extension .yml");
      return undefined;
    }
    if (expanded.names.length === 0) this.complain("host-range", `'${word}' stands for no host`, line, undefined, "warning");
    if (/[={}]/.test(word)) {
      const fix = word.includes("=") ? `Variables of a group stand under [${this.group}:vars]` : "A line begins with a host's name";
      this.complain("ini-syntax", `'${word}' is taken for a host's name, as Ansible does`, line, fix, "warning");
    }
    return expanded;
  }

  private variable(line: Line): void {
    const equals = line.text.indexOf("=");
    if (equals === -1) {
      this.complain("ini-syntax", "expected name = value", line);
      return;
    }
    const raw = line.text.slice(equals + 1);
    const valueAt = equals + 1 + (raw.length - raw.trimStart().length);
    this.draft.variable(this.group, line.text.slice(0, equals).trim(), this.placed(this.typed(raw.trim(), line), line, valueAt));
  }

  private child(line: Line): void {
    const name = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line.text)?.[1];
    if (name === undefined) {
      this.complain("ini-syntax", "expected the name of a group", line);
      return;
    }
    const at = this.place({ text: name, start: line.start });
    if (this.draft.hasGroup(name)) {
      this.draft.child(this.group, name, at);
      return;
    }
    const pending = this.pending.get(name);
    if (pending === undefined) this.pending.set(name, { kind: "children", at, parents: [{ name: this.group, at }] });
    else pending.parents.push({ name: this.group, at });
  }

  private typed(text: string, line: Line): unknown {
    const value = literal(text, this.numbers);
    if (!(value instanceof PythonOnly)) return value;
    this.complain("ini-value", `Ansible reads this value as ${value.what}`, line, "For a text, put quotes inside of quotes: x=\"'{1}'\"");
    return null;
  }

  private placed(value: unknown, line: Line, valueAt: number): Placed {
    return { value, document: new WordDocument(this.source, value, line, valueAt), path: [] };
  }

  private place(line: Line): Place {
    return () => ({ source: this.source, start: line.start, end: line.start + line.text.length });
  }

  private complain(code: string, summary: string, line: Line, fix?: string, severity: "error" | "warning" = "error"): void {
    this.draft.complain(code, summary, this.place(line), fix, severity);
  }
}

/** A document that is one `name=value`. */
class WordDocument implements Document {
  constructor(
    readonly source: SourceText,
    readonly value: unknown,
    private readonly line: Line,
    private readonly valueAt: number,
  ) {}

  locate(path: readonly (string | number)[], part: "value" | "key" = "value"): SourceRange {
    const { source, line } = this;
    const end = line.start + line.text.length;
    if (part === "value" || path.length > 0 || this.valueAt === 0) return { source, start: line.start + this.valueAt, end };
    return { source, start: line.start, end: line.start + line.text.indexOf("=") };
  }
}
