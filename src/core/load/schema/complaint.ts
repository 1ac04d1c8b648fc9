import type { ErrorObject } from "ajv";
import type { Diagnostic } from "../../model/diagnostic.js";
import type { Path, PlainMap } from "../document.js";
import { isMap, own, typeName } from "../document.js";
import type { Replacement } from "../../model/source.js";
import { rewritten, sameButForm } from "../mending.js";
import { didYouMean, orList } from "../suggest.js";
import { parseTemplate } from "../template.js";
import { windowProblem } from "../window.js";
import type { Locate } from "./schema-error.js";
import { extraKey, parameter } from "./schema-error.js";

/**
 * One schema error in words for people: what is wrong, and what would be right.
 * @param written what stands in the file there, where that may be a template
 */
export function complaint(error: ErrorObject, path: Path, locate: Locate, schema: object, written?: unknown): Diagnostic {
  const parent: PlainMap = isMap(error.parentSchema) ? error.parentSchema : {};
  const name = nameOf(path, schema);
  const at = locate(path, "value");
  switch (error.keyword) {
    case "additionalProperties": return unknownKey(error, path, parent, locate, schema);
    case "required": {
      const key = parameter(error, "missingProperty");
      const example = exampleOf(own(asMap(own(parent, "properties")), key));
      return make("missing-key", `${titled(parent)} needs '${key}'`, at, example === undefined ? undefined : `Add ${key}: ${example}`);
    }
    case "type": return wrongType(error, parent, name, at, written);
    case "enum": {
      const allowed = allowedBy(parent);
      const fix = didYouMean(String(error.data), allowed);
      const meant = sameButForm(String(error.data), allowed);
      const complaint = make("not-permitted", `${name} can not be '${brief(error.data)}'`, at, fix, `Permitted: ${orList(allowed)}`);
      return mended(complaint, meant === undefined ? undefined : rewritten(at, meant));
    }
    case "pattern": return wrongForm(error, parent, name, at);
    case "minimum": case "maximum": {
      return make("out-of-range", `${name} is ${brief(error.data)}, and must be ${rangeText(parent)}`, at);
    }
    case "minLength": case "minItems": return make("empty", `${name} is empty`, at, exampleFix(parent, name));
    default: return make("wrong-value", `${name} ${error.message ?? "is wrong"}`, at, exampleFix(parent, name));
  }
}

/** As {@link complaint}, of a value that is not shown: it says what is wanted, and nothing that is made of what is there but its type. */
export function complaintOfSecret(error: ErrorObject, path: Path, locate: Locate, schema: object): Diagnostic {
  const parent: PlainMap = isMap(error.parentSchema) ? error.parentSchema : {};
  const name = nameOf(path, schema);
  const at = locate(path, "value");
  switch (error.keyword) {
    case "type": return make("wrong-type", `${name} is ${typeName(error.data)}, and must be ${expectedType(parent)}`, at, exampleFix(parent, name));
    case "enum": return make("not-permitted", `${name} can not be what was decrypted`, at, undefined, `Permitted: ${orList(allowedBy(parent))}`);
    case "pattern": return make("wrong-form", `${name} must be ${formOf(parent)}, and what was decrypted is not`, at, exampleFix(parent, name));
    case "minimum": case "maximum": return make("out-of-range", `${name} must be ${rangeText(parent)}, and what was decrypted is not`, at);
    // these are of keys, or of nothing at all
    default: return complaint(error, path, locate, schema);
  }
}

function rangeText(parent: PlainMap): string {
  const [minimum, maximum] = [brief(own(parent, "minimum")), brief(own(parent, "maximum"))];
  return maximum === "" ? `${minimum} or more` : `${minimum} to ${maximum}`;
}

function allowedBy(parent: PlainMap): string[] {
  const values = own(parent, "enum") as unknown[];
  // `off` is false to YAML 1.1, and is called `off` all the same
  return values.filter((one) => one !== false || !values.includes("off")).map(String);
}

function expectedType(parent: PlainMap): string {
  const types = [own(parent, "type")].flat().map((type) => TYPES[String(type)] ?? String(type));
  const title = own(parent, "title");
  return typeof title === "string" && /^an? /.test(title) ? title : orList(types);
}

/** What a text must be: `a size`. */
function formOf(parent: PlainMap): string {
  const title = own(parent, "title");
  return typeof title === "string" ? title : "in the right form";
}

function make(code: string, summary: string, at: Diagnostic["at"], fix?: string, detail?: string): Diagnostic {
  return {
    severity: "error", code, summary, ...(at === undefined ? {} : { at }), ...(detail === undefined ? {} : { detail }),
    ...(fix === undefined ? {} : { fix }),
  };
}

function mended(complaint: Diagnostic, edit: Replacement | undefined): Diagnostic {
  return edit === undefined ? complaint : { ...complaint, edits: [edit] };
}

/** The last key of a path, and whose it is: `'size' of disk xvda1`. */
function nameOf(path: Path, schema: object): string {
  const last = path.at(-1);
  if (last === undefined) return `the ${String(own(schema as PlainMap, "title"))}`;
  if (typeof last === "string") return `'${last}'`;
  const list = path.at(-2);
  return list === undefined ? `play ${last + 1}` : `entry ${last + 1} of '${list}'`;
}

function titled(schema: PlainMap): string {
  const title = own(schema, "title");
  return typeof title === "string" ? withArticle(title) : "this map";
}

function withArticle(title: string): string {
  if (/^an? /.test(title)) return title;
  return /^[aeiou]/.test(title) ? `an ${title}` : `a ${title}`;
}

function wrongType(error: ErrorObject, parent: PlainMap, name: string, at: Diagnostic["at"], written: unknown): Diagnostic {
  const example = textFix(error.data, own(parent, "type"), written) ?? exampleFix(parent, name);
  if (own(parent, "title") === "playbook") {
    const seen = error.data === null ? "is empty" : `is ${typeName(error.data)}`;
    return make("wrong-type", `the playbook ${seen}, and must be a list of plays`, at, "Begin each play with '- name: …'");
  }
  const title = own(parent, "title");
  const expected = expectedType(parent);
  if (error.data === null) {
    return make("wrong-type", `${name} has no value, and must be ${expected}`, at, example ?? "Give it a value, or take it out");
  }
  if (typeof error.data === "number" && typeof title === "string") {
    if (title === "a size") return unitMissing(error.data, name, at);
    if (title === "a duration") {
      const summary = `${name} is ${error.data} of what`;
      return make("unit-missing", `${summary}? A duration has its unit`, at, `Write ${error.data}s for seconds, or ${error.data}m for minutes`);
    }
  }
  return make("wrong-type", `${name} is ${typeName(error.data)} (${brief(error.data)}), and must be ${expected}`, at, example);
}

/** For a template that gave the right number, and gave it as text: an example of a number would not help. */
function textFix(data: unknown, type: unknown, written: unknown): string | undefined {
  if (typeof data !== "string" || typeof written !== "string" || !/^\s*\d+\s*$/.test(data)) return undefined;
  if (![type].flat().includes("integer") || parseTemplate(written).template?.alone !== true) return undefined;
  const inner = written.trim().slice(2, -2).trim();
  const json = /^\w+$/.test(inner) ? `, or give it as -e '{"${inner}": ${Number(data)}}'` : "";
  return `It is text, as all that -e k=v gives: write {{ ${inner} | int }}${json}`;
}

const TYPES: Readonly<Record<string, string>> = {
  object: "a map", array: "a list", string: "text", integer: "a whole number", number: "a number", boolean: "true or false",
};

function unitMissing(number: number, name: string, at: Diagnostic["at"]): Diagnostic {
  const fix = `Write ${number}MiB or ${number}GiB (or ${number}B for bytes)`;
  return make("unit-missing", `${name} is ${number} of what? A size has its unit`, at, fix);
}

function wrongForm(error: ErrorObject, parent: PlainMap, name: string, at: Diagnostic["at"]): Diagnostic {
  const text = String(error.data);
  const title = own(parent, "title");
  const bare = /^\s*\d+(\.\d+)?\s*$/.test(text);
  if (bare && title === "a size") return unitMissing(Number(text), name, at);
  if (bare && title === "a duration") {
    return make("unit-missing", `${name} is ${text} of what? A duration has its unit`, at, `Write ${text}s, or ${text}m for minutes`);
  }
  if (title === "a size" && text.includes("%")) {
    const fix = "Write a size with its unit: 2GiB";
    return make("wrong-form", `${name} can not be a share: a share of what, and would it grow with it?`, at, fix);
  }
  if (title === "a rate" && !text.includes("/")) {
    return make("wrong-form", `${name} is a rate, and '${brief(text)}' is not one`, at, `Write it per second: ${text.trim()}/s`);
  }
  const bits = title === "a rate" ? /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b\s*\/s\s*$/i.exec(text) : null;
  if (bits !== null) {
    const [, number = "", prefix = ""] = bits;
    const fix = `Write ${number}${prefix}B/s if it is bytes, ${Number(number) / 8}${prefix}B/s if it is bits`;
    return make("wrong-form", `${name} is ${text.trim()}, which may be bits or bytes`, at, fix);
  }
  if (title === "a window of time") {
    const { problem, fix } = windowProblem(text);
    return make("wrong-form", `${name} is a window of time, and ${problem}`, at, fix);
  }
  return make("wrong-form", `${name} must be ${formOf(parent)}, and '${brief(text)}' is not`, at, exampleFix(parent, name));
}

function exampleFix(parent: PlainMap, name: string): string | undefined {
  const example = exampleOf(parent);
  return example === undefined ? undefined : `For example ${name.replaceAll("'", "")}: ${example}`;
}

function exampleOf(schema: unknown): string | undefined {
  const examples = isMap(schema) ? own(schema, "examples") : undefined;
  const first: unknown = Array.isArray(examples) ? examples[0] : undefined;
  return first === undefined ? undefined : typeof first === "string" ? first : JSON.stringify(first);
}

function unknownKey(error: ErrorObject, path: Path, parent: PlainMap, locate: Locate, schema: object): Diagnostic {
  const key = extraKey(error);
  const at = locate([...path, key], "key");
  const known = Object.keys(asMap(own(parent, "properties")));
  const owner = titled(parent);
  const summary = `${owner} has no key '${brief(key)}'`;
  const elsewhere = owners(schema, key).filter((title) => title !== own(parent, "title"));
  if (own(parent, "title") === "move" && own(asMap(own(parent, "properties")), "downtime") === undefined && MOVE_OF_DOMAIN.has(key)) {
    const fix = `Put it under the domain's move, or the play's`;
    return make("misplaced-key", `'${key}' belongs to a domain, not to a disk: a guest goes down as a whole`, at, fix);
  }
  const guess = didYouMean(key, known);
  if (elsewhere.length > 0) {
    const places = orList(elsewhere.map(withArticle));
    return make("misplaced-key", `'${key}' belongs to ${places}, not to ${owner}`, at, `Move it there; ${owner} has ${orList(known)}`);
  }
  const complaint = make("unknown-key", summary, at, guess, guess === undefined ? `Its keys are ${orList(known)}` : undefined);
  const meant = sameButForm(key, known);
  const isTaken = meant !== undefined && isMap(error.data) && Object.hasOwn(error.data, meant);
  return mended(complaint, meant === undefined || isTaken ? undefined : rewritten(at, meant));
}

const MOVE_OF_DOMAIN = new Set(["switch", "finish", "window", "downtime", "offline", "shutdown", "passes", "snapshot"]);

/** The maps that have a key of this name, anywhere in the schema. */
function owners(schema: unknown, key: string, found: string[] = []): string[] {
  if (!isMap(schema)) return found;
  const properties = asMap(own(schema, "properties"));
  const title = own(schema, "title");
  if (Object.hasOwn(properties, key) && typeof title === "string" && !found.includes(title)) found.push(title);
  for (const child of [...Object.values(properties), own(schema, "items"), own(schema, "additionalProperties")]) {
    owners(child, key, found);
  }
  return found;
}

function asMap(value: unknown): PlainMap {
  return isMap(value) ? value : {};
}

/** A value as it fits into a line. */
function brief(value: unknown): string {
  const text = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
}

