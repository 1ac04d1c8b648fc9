import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { SourceRange, SourceText } from "../model/source.js";
import type { Document, Path, PlainMap } from "./document.js";
import { define, isMap } from "./document.js";
import { ExactNumber, floatNumber, wholeNumber } from "./exact-number.js";
import type { NumberReading } from "./exact-number.js";
import { FastPlaces, fastYaml } from "./fast-yaml.js";
import type { ShapedKey } from "./python-shape.js";
import { keepKeys } from "./python-shape.js";
import { plainScalar } from "./yaml-scalars.js";
import { MAX_DEPTH, MAX_VALUES_BY_ALIAS_ANSIBLE, readYaml } from "./yaml.js";

/** A file of Ansible's that was read. */
export interface AnsibleDocument extends Document {
  /** A key somewhere in it may be no text (`on:`, `1:`): where names are wanted, it has to be looked at again. */
  readonly typedKeys: boolean;
}

/**
 * Reads YAML or JSON as Ansible's DataLoader does (parsing/utils/yaml.py): as JSON if it is that, else as YAML. Values
 * come from a fast parser; places are looked up by a slow one, once somebody asks for one.
 */
export function readAnsibleYaml(source: SourceText, numbers: NumberReading = "plain"): Checked<AnsibleDocument> {
  const json = fastJson(source.text, numbers);
  const quick = json ?? fastYaml(source.text, {
    numbers, maxDepth: MAX_DEPTH, maxValuesByAlias: MAX_VALUES_BY_ALIAS_ANSIBLE,
  });
  const slow = (): Checked<Document> => readYaml(source, { duplicateKeys: "warning", ansible: true, numbers });
  if (quick === undefined) {
    const { value, diagnostics } = slow();
    return { value: value === undefined ? undefined : { ...value, typedKeys: true }, diagnostics };
  }
  let document: Document | undefined;
  let places: FastPlaces | undefined;
  let quickly = json === undefined ? MAX_QUICK_PLACES : 0;
  const locate = (path: Path, part?: "value" | "key"): SourceRange => {
    if (document === undefined && quickly > 0 && source.text.length > WORTH_IT) {
      quickly -= 1;
      places ??= new FastPlaces(source.text, MAX_DEPTH);
      const place = places.find(path, part ?? "value");
      if (place !== undefined) return { source, ...place };
    }
    document ??= slow().value ?? { source, value: null, locate: () => ({ source, start: 0, end: 0 }) };
    return document.locate(path, part);
  };
  return { value: { source, ...quick, locate }, diagnostics: [] };
}

/** A key as it was written, where YAML reads it as a number, a boolean or nothing; undefined for text. */
export function writtenIfNoText(document: AnsibleDocument, path: Path): { readonly at: SourceRange; readonly written: string } | undefined {
  if (!document.typedKeys) return undefined;
  const at = document.locate(path, "key");
  const written = at.source.text.slice(at.start, at.end);
  return typeof plainScalar(written) === "string" ? undefined : { at, written };
}

/** What to say of a variable whose name is no text; undefined where it is one. */
export function oddVariableName(document: AnsibleDocument, path: Path): Diagnostic | undefined {
  const odd = writtenIfNoText(document, path);
  return odd === undefined ? undefined : {
    severity: "warning", code: "key-not-text", at: odd.at,
    summary: `the name of a variable is text, and YAML reads ${odd.written === "" ? "nothing" : odd.written} as something else: no template can name it`,
    fix: `Put it in quotes: "${odd.written}"`,
  };
}

/** A few places are found faster without reading all of a large file slowly; many are not. */
const MAX_QUICK_PLACES = 20;
const WORTH_IT = 20_000;

/** What `json.loads` reads; undefined for what is no JSON, or nests too deeply for those who read on. */
function fastJson(text: string, numbers: NumberReading): { readonly value: unknown; readonly typedKeys: false } | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const exact = numbers === "exact" && /\d[.eE\d]{15}|\d\.0|\d[eE]/.test(text);
    const marked = exact || WHOLE_KEY.test(text);
    const value: unknown = marked ? JSON.parse(text.replace(TOKEN, exact ? markToken : markText), revive) : JSON.parse(text);
    return nestsTooDeeply(value) ? undefined : { value, typedKeys: false };
  } catch (error) {
    // YAML, most likely
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A key that `JSON.parse` would not leave where it stands. */
const WHOLE_KEY = /"(?:0|[1-9]\d*)"\s*:/;
const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
/** No text of a file begins so: a control character may not stand in JSON, and an escaped one is left as it is. */
const NUMBER = "\u0010number:";
const KEY = "\u0010key:";

function markToken(token: string, colon?: string): string {
  return token.startsWith('"') ? markText(token, colon) : JSON.stringify(NUMBER + token);
}

function markText(token: string, colon?: string): string {
  if (!token.startsWith('"')) return token;
  if (token.startsWith('"\\u0010')) return `"\\u0010${token.slice(1)}`;
  return colon !== undefined && WHOLE_KEY.test(token) ? `"\\u0010key:${token.slice(1)}` : token;
}

function revive(_key: string, value: unknown): unknown {
  if (isMap(value)) return withoutMarks(value);
  if (typeof value !== "string" || !value.startsWith("\u0010")) return value;
  if (!value.startsWith(NUMBER)) return value.slice(1);
  const token = value.slice(NUMBER.length);
  return /^-?\d+$/.test(token) ? wholeNumber(BigInt(token), token, "exact") : floatNumber(Number(token), token, "exact");
}

/** A map whose keys are as the file has them; what their order was goes with it. */
function withoutMarks(map: PlainMap): PlainMap {
  const marked = Object.keys(map);
  if (!marked.some((key) => key.startsWith("\u0010"))) return map;
  const result: Record<string, unknown> = {};
  const keys = marked.map((key): ShapedKey => {
    const plain = key.startsWith(KEY) ? key.slice(KEY.length) : key.startsWith("\u0010") ? key.slice(1) : key;
    define(result, plain, map[key]);
    return [plain, undefined];
  });
  keepKeys(result, keys);
  return result;
}

function nestsTooDeeply(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((item) => (typeof item === "object" && item !== null && !(item instanceof ExactNumber) ? Object.values(item) as unknown[] : []));
  }
  return false;
}
