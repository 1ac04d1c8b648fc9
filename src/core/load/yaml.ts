import { Composer, Lexer, Parser, isAlias, isMap as isYamlMap, isScalar, isSeq } from "yaml";
import type { CST, Node, Pair, Scalar, YAMLMap } from "yaml";
import type { Checked, Diagnostic, Severity } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { Replacement, SourceRange, SourceText } from "../model/source.js";
import type { Document, Path, PlainMap } from "./document.js";
import { define, isMap } from "./document.js";
import type { NumberReading } from "./exact-number.js";
import { quotedTemplate, withoutLine } from "./mending.js";
import { lineEndInComment, oldYamlProblems } from "./old-yaml.js";
import { keepKeys, keptKeys, mergeMaps } from "./python-shape.js";
import { SeenKeys, isCrampedKey, typedKeyText } from "./yaml-keys.js";
import { yamlProblem } from "./yaml-problems.js";
import { hasEscapedBreakBeforeEmptyLine, readDoubleQuoted } from "./yaml-quotes.js";
import type { ScalarValue } from "./yaml-scalars.js";
import { plainScalar, taggedScalar } from "./yaml-scalars.js";

export interface YamlOptions {
  /** A key that stands twice: a mistake in a playbook; Ansible takes the last one of an inventory and warns. */
  readonly duplicateKeys: Severity;
  /**
   * A file of Ansible's, not of converge's: `!vault` and `!unsafe` are kept as ansible-inventory prints them, keys are
   * typed as values are (`on:` is the key `true`), and aliases may stand for more.
   */
  readonly ansible: boolean;
  /** How numbers are read; `plain` without it. */
  readonly numbers?: NumberReading;
}

/** Deeper than anybody writes, far less than what exhausts the stack of the parser. */
export const MAX_DEPTH = 60;
/** Values after aliases are written out: a dozen lines of aliases can stand for billions. */
const MAX_VALUES = 2_000_000;
export const MAX_VALUES_BY_ALIAS = 20_000;
/** In an inventory a thousand hosts may well share what an anchor says. */
export const MAX_VALUES_BY_ALIAS_ANSIBLE = 500_000;
const MAX_TEXT = 64 * 1024 * 1024;

/**
 * Reads one YAML document: values as Ansible reads them (see yaml-scalars.ts), every value with its place.
 * Anchors, aliases and merge keys are followed; expansion is bounded.
 * @returns no value where the text is no YAML; null for an empty text
 */
export function readYaml(source: SourceText, options: YamlOptions): Checked<Document> {
  const diagnostics: Diagnostic[] = [];
  const complain = (severity: Severity, code: string, summary: string, start: number, end: number, fix?: string) => {
    diagnostics.push({
      severity, code, summary, at: { source, start, end }, ...(fix === undefined ? {} : { fix }),
    });
  };
  if (source.text.length > MAX_TEXT) {
    complain("error", "too-large", "the file is larger than 64 MiB", 0, 0);
    return { value: undefined, diagnostics };
  }
  const tokens = tokensOf(source.text);
  const deep = typeof tokens === "number" ? tokens : tooDeep(tokens);
  if (deep !== undefined || typeof tokens === "number") {
    complain("error", "too-deep", `nested deeper than ${MAX_DEPTH} levels`, deep ?? 0, (deep ?? 0) + 1);
    return { value: undefined, diagnostics };
  }
  const composer = new Composer({ schema: "failsafe", version: "1.1", uniqueKeys: false, prettyErrors: false });
  const documents = [...composer.compose(tokens, true, source.text.length)];
  const first = documents[0];
  for (const document of documents.slice(0, 1)) {
    // what follows the first error in YAML is mostly its echo
    const error = document.errors[0];
    if (error !== undefined) diagnostics.push(yamlProblem(source, error, unclosedAt(tokens)));
  }
  const second = documents[1];
  if (second !== undefined && !hasErrors(diagnostics)) {
    const start = source.text.lastIndexOf("\n---", second.range[0]) + 1;
    complain("error", "several-documents", "a second document begins here; one file holds one", start, start + 3,
      "Put it into a file of its own, or take the `---` out");
  }
  if (hasErrors(diagnostics)) return { value: undefined, diagnostics };
  const reader = new Reader(source, options, diagnostics);
  const value = first?.contents == null ? null : reader.read(first.contents);
  const lineEnd = options.ansible && !hasErrors(diagnostics) ? lineEndInComment(source.text) : undefined;
  if (lineEnd !== undefined) complain("error", "yaml-syntax", lineEnd.summary, lineEnd.at, lineEnd.at + 1, lineEnd.fix);
  if (hasErrors(diagnostics)) return { value: undefined, diagnostics };
  const locate = (path: Path, part: "value" | "key" = "value"): SourceRange => {
    return reader.locate(first?.contents ?? undefined, path, part);
  };
  return { value: { source, value, locate }, diagnostics };
}

/** The concrete syntax; or the offset where brackets nest too deeply, found before the parser has work with them. */
function tokensOf(text: string): CST.Token[] | number {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let depth = 0;
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === "[" || lexeme === "{") depth += 1;
    else if (lexeme === "]" || lexeme === "}") depth -= 1;
    if (depth > MAX_DEPTH) return Math.min(offset, text.length - 1);
    // the lexer's own marks (\u0002 and the like) are no part of the text
    if (text.startsWith(lexeme, offset)) offset += lexeme.length;
    tokens.push(...parser.next(lexeme));
  }
  tokens.push(...parser.end());
  return tokens;
}

/** Offset of the first token nested too deeply; iterative, for the text may try to exhaust the stack. */
function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  const stack: [CST.Token, number][] = tokens.map((token) => [token, 0]);
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const [token, depth] = top;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === "document" && token.value !== undefined) stack.push([token.value, depth + 1]);
    if ("items" in token) {
      for (const item of token.items) {
        if (item.key != null) stack.push([item.key, depth + 1]);
        if (item.value != null) stack.push([item.value, depth + 1]);
      }
    }
  }
  return undefined;
}

/** Where the outermost bracket, or else the quote, opens that is never closed. */
function unclosedAt(tokens: readonly CST.Token[]): number | undefined {
  const queue: CST.Token[] = [...tokens];
  for (const token of queue) {
    if (token.type === "flow-collection" && !token.end.some((end) => end.type.endsWith("-end"))) return token.start.offset;
    if (token.type === "double-quoted-scalar" || token.type === "single-quoted-scalar") {
      if (token.source.length < 2 || !token.source.endsWith(token.source.charAt(0))) return token.offset;
    }
    if (token.type === "document" && token.value !== undefined) queue.push(token.value);
    if ("items" in token) {
      for (const item of token.items) {
        if (item.key != null) queue.push(item.key);
        if (item.value != null) queue.push(item.value);
      }
    }
  }
  return undefined;
}

const STANDARD_TAGS = new Set(["str", "int", "float", "bool", "null", "map", "seq"].map((t) => `tag:yaml.org,2002:${t}`));

class Reader {
  private readonly anchors = new Map<string, Node>();
  private readonly targets = new Map<Node, Node>();
  private readonly done = new Map<Node, { readonly value: unknown; readonly size: number }>();
  private readonly open = new Set<Node>();
  private readonly indexes = new Map<Node, ReadonlyMap<string, YamlPair>>();
  private values = 0;
  private aliased = 0;
  /** How many brackets and braces are open. */
  private brackets = 0;
  private exhausted = false;

  constructor(
    private readonly source: SourceText,
    private readonly options: YamlOptions,
    private readonly diagnostics: Diagnostic[],
  ) {}

  private get aliasLimit(): number {
    return this.options.ansible ? MAX_VALUES_BY_ALIAS_ANSIBLE : MAX_VALUES_BY_ALIAS;
  }

  private complain(severity: Severity, code: string, summary: string, node: Node, fix?: string, edit?: Replacement): void {
    const at = this.range(node);
    const edits = edit === undefined ? {} : { edits: [edit] };
    this.diagnostics.push({ severity, code, summary, at, ...(fix === undefined ? {} : { fix }), ...edits });
  }

  private range(node: Node): SourceRange {
    const [start, end] = node.range ?? [0, 0];
    return { source: this.source, start, end: Math.max(end, start) };
  }

  read(node: Node): unknown {
    if (isAlias(node)) return this.alias(node);
    if (node.anchor !== undefined && node.anchor !== "") this.anchor(node.anchor, node);
    const before = this.values;
    this.values += 1;
    if (this.values > MAX_VALUES) return this.exhaust(node);
    this.open.add(node);
    const value = this.content(node);
    this.open.delete(node);
    this.done.set(node, { value, size: this.values - before });
    return value;
  }

  private anchor(name: string, node: Node): void {
    if (this.options.ansible && !/^[\w-]+$/.test(name)) {
      this.complain("error", "yaml-syntax", `an anchor's name is letters, digits, - and _ in Ansible's YAML, not '${name}'`, node, "Give the anchor another name");
    }
    if (this.options.ansible && this.anchors.has(name)) {
      this.complain("error", "yaml-syntax", `the anchor '&${name}' stands twice, which Ansible's YAML refuses`, node, "Give one of the two another name");
    }
    this.anchors.set(name, node);
  }

  private content(node: Node): unknown {
    const tag = this.tag(node);
    if (tag !== undefined) return tag.value;
    if (isScalar(node)) {
      if (this.options.ansible) this.checkOldYaml(node);
      return this.scalar(node);
    }
    const inBrackets = (isSeq(node) || isYamlMap(node)) && node.flow === true;
    if (inBrackets) this.brackets += 1;
    const value = isSeq(node) ? node.items.map((item) => this.read(item as Node)) : isYamlMap(node) ? this.map(node) : null;
    if (inBrackets) this.brackets -= 1;
    return value;
  }

  private checkOldYaml(node: Scalar, isKey = false): void {
    const text = this.source.text.slice(node.range?.[0], node.range?.[1]);
    const where = { isKey, inBrackets: this.brackets > 0 };
    for (const { summary, fix } of oldYamlProblems(text, isPlain(node) ? this.written(node) : undefined, where)) {
      this.complain("error", "yaml-syntax", summary, node, fix);
    }
  }

  private scalar(node: Scalar): unknown {
    const text = this.written(node);
    // a `!` before nothing is a text
    return isPlain(node) && !(node.tag === "!" && text === "") ? plainScalar(text, this.options.numbers) : text;
  }

  /** The text of a scalar, before anything is made of it. */
  private written(node: Scalar): string {
    if (node.type === "QUOTE_DOUBLE") {
      const quoted = this.source.text.slice(node.range?.[0], node.range?.[1]);
      if (hasEscapedBreakBeforeEmptyLine(quoted)) return readDoubleQuoted(quoted.slice(1, -1));
    }
    // the failsafe schema makes text of every scalar; an empty one may be null
    return typeof node.value === "string" ? node.value : "";
  }

  /** What an explicit tag makes of a node; undefined where it says nothing new. */
  private tag(node: Node): { readonly value: unknown } | undefined {
    const tag = node.tag;
    if (tag === undefined || tag === "" || tag === "!") return undefined;
    if (STANDARD_TAGS.has(tag)) return this.standardTag(tag.replace("tag:yaml.org,2002:", ""), node);
    const short = tag.replace(/^tag:yaml.org,2002:/, "!!");
    const isVault = tag === "!vault" || tag === "!vault-encrypted";
    if (this.options.ansible && isScalar(node) && (isVault || tag === "!unsafe")) {
      return { value: { [isVault ? "__ansible_vault" : "__ansible_unsafe"]: this.written(node) } };
    }
    if (this.options.ansible && tag === "!unsafe" && this.holdsCollection(node)) {
      this.complain("error", "unknown-tag", "'!unsafe' stands before a list or map in which there is another, and Ansible loses what is in that one", node, "Put '!unsafe' before each text");
    }
    if (this.options.ansible && tag === "!unsafe") return { value: unsafe(isSeq(node) ? node.items.map((item) => this.read(item as Node)) : isYamlMap(node) ? this.map(node) : null) };
    const vault = isVault ? "Vaulted values are not read here; put this one into a file of variables" : undefined;
    this.complain("error", "unknown-tag", `the tag '${short}' is not known here`, node, vault ?? "Take the tag out");
    return { value: null };
  }

  private holdsCollection(node: Node): boolean {
    const items = isSeq(node) ? node.items : isYamlMap(node) ? node.items.map(({ value }) => value) : [];
    return items.some((item) => {
      const value = isAlias(item) ? this.anchors.get(item.source) : item;
      return (isSeq(value) || isYamlMap(value)) && value.items.length > 0;
    });
  }

  /** One of YAML's own tags; undefined where it says what the node is anyway. */
  private standardTag(tag: string, node: Node): { readonly value: unknown } | undefined {
    if ((tag === "map" && isYamlMap(node)) || (tag === "seq" && isSeq(node))) return undefined;
    const value = isScalar(node) ? taggedScalar(tag, this.written(node), this.options.numbers) : undefined;
    if (value !== undefined) return { value };
    this.complain("error", "unknown-tag", `the tag '!!${tag}' does not fit what stands behind it`, node, "Take the tag out");
    return { value: null };
  }

  private alias(node: Node): unknown {
    const name = isAlias(node) ? node.source : "";
    const target = this.anchors.get(name);
    if (target === undefined) {
      this.complain("error", "unknown-alias", `no anchor '&${name}' stands before this alias`, node,
        "Write the anchor first; a value that begins with * stands in quotes");
      return null;
    }
    this.targets.set(node, target);
    if (this.open.has(target)) {
      this.complain("error", "alias-loop", `the alias '*${name}' stands inside of what it names`, node);
      return null;
    }
    const known = this.done.get(target);
    if (known === undefined) return null;
    this.values += known.size;
    this.aliased += known.size;
    if (this.aliased > this.aliasLimit) return this.exhaust(node);
    return known.value;
  }

  private exhaust(node: Node): null {
    if (!this.exhausted) {
      const summary = `aliases stand for more than ${this.aliasLimit} values here`;
      this.complain("error", "too-many-values", summary, node, "Write out what is needed, or use fewer aliases");
    }
    this.exhausted = true;
    return null;
  }

  private map(node: YAMLMap): unknown {
    const result: Record<string, unknown> = {};
    const seen = new SeenKeys<YamlPair>();
    const merged: PlainMap[] = [];
    for (const pair of node.items as YamlPair[]) {
      const typed = this.key(pair, node);
      if (typed === undefined) continue;
      const value = pair.value == null ? null : this.read(pair.value);
      if (isMergeKey(pair)) {
        merged.push(...this.merges(pair, value));
        continue;
      }
      const { key, earlier } = seen.add(typed, pair);
      if (earlier !== undefined) this.duplicate(typedKeyText(typed), pair, earlier);
      define(result, key, value);
    }
    if (seen.isShaped) keepKeys(result, seen.shaped);
    return merged.length === 0 ? result : mergeMaps(merged, result);
  }

  private duplicate(key: string, pair: YamlPair, earlier: YamlPair): void {
    if (pair.key === null) return;
    const line = this.source.text.slice(0, earlier.key?.range?.[0] ?? 0).split("\n").length;
    const [first, second] = [earlier, pair].map((one) => (isScalar(one.key) ? this.written(one.key) : key));
    const what = first === second ? `the key '${key}' stands twice in this map` : `the keys '${first ?? ""}' and '${second ?? ""}' are one in Ansible's YAML`;
    const summary = `${what}; the first is on line ${line}`;
    const fix = "Keep one of the two, or join what they say";
    const edit = withoutLine(this.source.text, rangeOfPair(pair), rangeOfPair(earlier));
    this.complain(this.options.duplicateKeys, "duplicate-key", summary, pair.key, fix, edit);
  }

  private key(pair: YamlPair, map: YAMLMap): ScalarValue | undefined {
    const key = pair.key;
    if (key === null) {
      this.complain("error", "empty-key", "a key is missing before this ':'", pair.value ?? map);
      return undefined;
    }
    const node = isAlias(key) ? (this.alias(key), this.targets.get(key)) : key;
    if (node !== undefined && isScalar(node)) {
      if (this.options.ansible && node.range !== undefined && node.range !== null && isMissingKey(key, this.source.text.slice(node.range[0], node.range[1] + 1))) {
        this.complain("error", "empty-key", "a key is missing before this ':'", key);
        return undefined;
      }
      if (this.options.ansible) this.checkOldYaml(node, true);
      if (this.options.ansible && isPlain(node) && isCrampedKey(this.source.text, node.range?.[1] ?? 0)) {
        this.complain("error", "yaml-syntax", "Ansible's YAML wants a blank behind this ':'", key, `Write '${this.written(node)}: '`);
      }
      if (key.anchor !== undefined && key.anchor !== "") this.read(key);
      return this.typedKey(node);
    }
    const fix = "Put it in quotes: \"{{ name }}\"";
    if (node !== undefined) {
      const edit = quotedTemplate(this.range(key));
      this.complain("error", "key-not-text", "a key is text, not a list or a map", key, fix, edit);
    }
    return undefined;
  }

  private merges(pair: YamlPair, value: unknown): PlainMap[] {
    const list = Array.isArray(value) ? (value as unknown[]) : [value];
    // of a list the first one wins
    if (list.every(isMap)) return [...list].reverse();
    if (pair.key !== null && !this.exhausted) {
      this.complain("error", "merge-not-map", "'<<' takes in a map, or a list of maps", pair.value ?? pair.key);
    }
    return [];
  }

  /** The nearest place to a path. */
  locate(root: Node | undefined, path: Path, part: "value" | "key"): SourceRange {
    let node = root === undefined ? undefined : this.resolved(root);
    let place: SourceRange = { source: this.source, start: 0, end: 0 };
    if (node !== undefined) place = this.range(node);
    for (const [depth, step] of path.entries()) {
      const found: Found | undefined = node === undefined ? undefined : this.child(node, step);
      if (found === undefined) return place;
      const wantsKey = part === "key" && depth === path.length - 1;
      const chosen = wantsKey ? (found.key ?? found.value) : (found.value ?? found.key);
      if (chosen !== undefined) place = this.range(chosen);
      // an empty value has no width: its key is what people look for
      if (place.start === place.end && found.key !== undefined) place = this.range(found.key);
      node = found.value === undefined ? undefined : this.resolved(found.value);
    }
    return place;
  }

  private resolved(node: Node): Node {
    return this.targets.get(node) ?? node;
  }

  private child(node: Node, step: string | number): Found | undefined {
    if (isSeq(node) && typeof step === "number") {
      const item = node.items[step] as Node | undefined;
      return item === undefined ? undefined : { value: item };
    }
    if (!isYamlMap(node)) return undefined;
    const pairs = node.items as YamlPair[];
    const match = this.index(node, pairs).get(String(step));
    if (match !== undefined) {
      return {
        ...(match.key === null ? {} : { key: match.key }), ...(match.value === null ? {} : { value: match.value }),
      };
    }
    for (const pair of pairs.filter(isMergeKey).reverse()) {
      const source = pair.value === null ? undefined : this.resolved(pair.value);
      const maps = source !== undefined && isSeq(source) ? (source.items as Node[]) : source === undefined ? [] : [source];
      for (const map of maps) {
        const found = this.child(this.resolved(map), step);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** The last pair of each key; made when the first place in a map is asked for. */
  private index(node: YAMLMap, pairs: readonly YamlPair[]): ReadonlyMap<string, YamlPair> {
    const known = this.indexes.get(node);
    if (known !== undefined) return known;
    const index = new Map<string, YamlPair>();
    for (const pair of pairs) {
      const key = isMergeKey(pair) ? undefined : this.pairKey(pair);
      if (key !== undefined) index.set(key, pair);
    }
    this.indexes.set(node, index);
    return index;
  }

  private pairKey(pair: YamlPair): string | undefined {
    const node = pair.key === null ? undefined : this.resolved(pair.key);
    return node !== undefined && isScalar(node) ? this.textOf(node) : undefined;
  }

  private textOf(node: Scalar): string {
    return typedKeyText(this.typedKey(node));
  }

  /** A key as YAML types it, in Ansible's files; elsewhere as it is written: a guest may well be called `on`. */
  private typedKey(node: Scalar): ScalarValue {
    const text = this.written(node);
    return this.options.ansible && isPlain(node) ? plainScalar(text, "exact") : text;
  }
}

/** Every text in it, as Ansible marks what no template may be filled into. */
function unsafe(value: unknown): unknown {
  if (typeof value === "string") return { __ansible_unsafe: value };
  if (Array.isArray(value)) return (value as unknown[]).map(unsafe);
  if (!isMap(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) define(result, key, unsafe(item));
  const keys = keptKeys(value);
  if (keys !== undefined) keepKeys(result, keys);
  return result;
}

/** Not in quotes, so that it may be a number; `!` alone says just that. */
function isPlain(node: Scalar): boolean {
  return node.tag === "!" || (node.type === "PLAIN" && node.tag === undefined);
}

type YamlPair = Pair<Node | null, Node | null>;

interface Found {
  readonly key?: Node;
  readonly value?: Node;
}

/** From the key to the end of the value; a pair of other things than scalars has no such range. */
function rangeOfPair({ key, value }: YamlPair): readonly [number, number] | undefined {
  const start = key?.range?.[0];
  const end = value !== null && isScalar(value) ? value.range?.[1] : undefined;
  return start === undefined || end === undefined ? undefined : [start, end];
}

/** Nothing before a `:`, which libyaml refuses: only `?` may stand before a key that is nothing. */
function isMissingKey(key: Node, written: string): boolean {
  return isScalar(key) && written === ":" && key.anchor === undefined && key.tag === undefined;
}

function isMergeKey(pair: YamlPair): boolean {
  return isScalar(pair.key) && pair.key.type === "PLAIN" && pair.key.value === "<<";
}

