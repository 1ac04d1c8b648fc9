import type { SourceRange, SourceText } from "../model/source.js";
import type { Placed } from "../load/document.js";
import { documentOf } from "../load/document.js";
import { shellWords } from "../load/shell-words.js";
import { didYouMean } from "../load/suggest.js";
import type { InventoryDraft } from "./build.js";
import { literal } from "./literal.js";
import { expandRange, splitPort } from "./ranges.js";

type SectionKind = "hosts" | "vars" | "children";

interface Line {
  readonly text: string;
  readonly start: number;
}

const SECTION = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/;

/** Reads an INI inventory as Ansible's `ini` plugin does (plugins/inventory/ini.py), into a draft. */
export function readIniInventory(source: SourceText, draft: InventoryDraft): void {
  new IniReader(source, draft).read();
}

class IniReader {
  private group = "ungrouped";
  private kind: SectionKind = "hosts";
  /** Groups that only a `:vars` or a `:children` section names so far, and where. */
  private readonly pending = new Map<string, { readonly kind: SectionKind; readonly at: SourceRange }>();
  private readonly declared = new Set(["all", "ungrouped"]);

  constructor(
    private readonly source: SourceText,
    private readonly draft: InventoryDraft,
  ) {}

  read(): void {
    let offset = 0;
    for (const raw of this.source.text.split("\n")) {
      const text = raw.trim();
      const start = offset + (raw.length - raw.trimStart().length);
      offset += raw.length + 1;
      if (text !== "" && !text.startsWith("#") && !text.startsWith(";")) this.line({ text, start });
    }
    for (const [name, { kind, at }] of this.pending) {
      if (this.declared.has(name) || (kind === "vars" && this.draft.hasGroup(name) && this.knownElsewhere.has(name))) continue;
      const summary = kind === "vars"
        ? `variables for the group '${name}', which nothing defines`
        : `the child group '${name}' is not defined`;
      const fix = didYouMean(name, this.declared) ?? `Define it: [${name}]`;
      this.draft.diagnostics.push({ severity: "error", code: "undefined-group", summary, at, fix });
    }
  }

  private readonly knownElsewhere = new Set<string>();

  private line(line: Line): void {
    const section = SECTION.exec(line.text);
    if (section !== null) this.section(section, line);
    else if (line.text.startsWith("[") && line.text.endsWith("]")) {
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
    this.group = match[1] ?? "";
    this.kind = kind;
    if (kind === "vars") {
      if (this.draft.hasGroup(this.group)) this.knownElsewhere.add(this.group);
      if (!this.declared.has(this.group)) this.pending.set(this.group, { kind, at: this.range(line) });
    } else this.declared.add(this.group);
    this.draft.group(this.group, this.range(line));
  }

  private hosts(line: Line): void {
    const split = shellWords(line.text, { comments: true });
    if ("problem" in split) {
      this.complain("ini-syntax", split.problem, { text: line.text.slice(split.at), start: line.start + split.at });
      return;
    }
    const [first, ...rest] = split.words;
    if (first === undefined) return;
    const at = this.range({ text: line.text.slice(first.start, first.end), start: line.start + first.start });
    const { pattern, port } = splitPort(first.text);
    if (/:$/.test(pattern) || /[={}]/.test(pattern)) {
      const yaml = pattern.endsWith(":");
      const fix = yaml ? "A YAML inventory has the extension .yml" : "A line begins with a host's name";
      this.complain("ini-syntax", `'${pattern}' is no host's name`, line, fix);
      return;
    }
    const expanded = expandRange(pattern);
    if ("problem" in expanded) {
      this.draft.diagnostics.push({ severity: "error", code: "host-range", summary: expanded.problem, at });
      return;
    }
    const variables: [string, Placed][] = [];
    if (port !== undefined) variables.push(["ansible_port", { value: port, document: documentOf(port, at), path: [] }]);
    for (const word of rest) {
      const place = { text: line.text.slice(word.start, word.end), start: line.start + word.start };
      const equals = word.text.indexOf("=");
      if (equals === -1) {
        this.complain("ini-syntax", `expected name=value after the host, not '${word.text}'`, place,
          "One host a line; a value with blanks stands in quotes");
        continue;
      }
      const value = literal(word.text.slice(equals + 1));
      variables.push([word.text.slice(0, equals), this.placed(value, place, place.text.indexOf("=") + 1)]);
    }
    for (const name of expanded.names) {
      this.draft.host(name, this.group, at);
      for (const [key, value] of variables) this.draft.hostVariable(name, key, value);
    }
  }

  private variable(line: Line): void {
    const equals = line.text.indexOf("=");
    if (equals === -1) {
      this.complain("ini-syntax", "expected name = value", line);
      return;
    }
    const raw = line.text.slice(equals + 1);
    const valueAt = equals + 1 + (raw.length - raw.trimStart().length);
    this.draft.groupVariable(this.group, line.text.slice(0, equals).trim(), this.placed(literal(raw.trim()), line, valueAt));
  }

  private child(line: Line): void {
    const name = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line.text)?.[1];
    if (name === undefined) {
      this.complain("ini-syntax", "expected the name of a group", line);
      return;
    }
    const at = this.range({ text: name, start: line.start });
    if (!this.declared.has(name) && !this.draft.hasGroup(name)) this.pending.set(name, { kind: "children", at });
    this.draft.child(this.group, name, at);
  }

  private placed(value: unknown, line: Line, valueAt: number): Placed {
    const at = { source: this.source, start: line.start + valueAt, end: line.start + line.text.length };
    const keyAt = { source: this.source, start: line.start, end: line.start + line.text.indexOf("=") };
    return { value, document: documentOf(value, at, keyAt), path: [] };
  }

  private range(line: Line): SourceRange {
    return { source: this.source, start: line.start, end: line.start + line.text.length };
  }

  private complain(code: string, summary: string, line: Line, fix?: string): void {
    this.draft.diagnostics.push({
      severity: "error", code, summary, at: this.range(line), ...(fix === undefined ? {} : { fix }),
    });
  }
}
