import { Context, Value, toValueSync } from "liquidjs";
import { isMap } from "./document.js";
import type { Expression, TemplateProblem } from "./expression.js";
import { scanExpression } from "./expression.js";
import { MAX_TEXT, sandbox } from "./filters.js";

/** A scalar with `{{ … }}` in it, taken apart. */
export interface Template {
  readonly parts: readonly (string | Expression)[];
  /** The whole text is one expression: its value keeps its type. */
  readonly alone: boolean;
}

/** True where a text may hold a template: the quick question before the thorough one. */
export function looksTemplated(text: string): boolean {
  return text.includes("{{") || text.includes("{%");
}

export interface ParsedTemplate {
  readonly template?: Template;
  readonly problems: readonly TemplateProblem[];
}

/** One play's templates are filled in for each of its hosts: taken apart once, they serve all. */
const parsed = new Map<string, ParsedTemplate>();
const MAX_PARSED = 5000;

/** Takes a text apart. Problems have offsets in it. */
export function parseTemplate(text: string): ParsedTemplate {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  if (parsed.size >= MAX_PARSED) parsed.clear();
  const result = parse(text);
  parsed.set(text, result);
  return result;
}

function parse(text: string): ParsedTemplate {
  const parts: (string | Expression)[] = [];
  const problems: TemplateProblem[] = [];
  let from = 0;
  for (let at = nextBrace(text, 0); at !== -1; at = nextBrace(text, from)) {
    if (at > from) parts.push(text.slice(from, at));
    if (text[at + 1] !== "{") {
      problems.push({
        code: "template-syntax", summary: `'${text.slice(at, at + 2)}' begins a tag, and templates have none`,
        start: at, end: at + 2, fix: "Only {{ variable | filter }} is filled in here",
      });
      from = at + 2;
      continue;
    }
    const scanned = scanExpression(text, at);
    if ("problem" in scanned) {
      problems.push(scanned.problem);
      break;
    }
    parts.push(scanned.expression);
    from = scanned.expression.end;
  }
  if (problems.length > 0) return { problems };
  if (from < text.length) parts.push(text.slice(from));
  return { template: { parts, alone: parts.length === 1 && typeof parts[0] !== "string" }, problems };
}

function nextBrace(text: string, from: number): number {
  const expression = text.indexOf("{{", from);
  const tag = text.indexOf("{%", from);
  return expression === -1 || (tag !== -1 && tag < expression) ? tag : expression;
}

/** Leads to what a map holds, and no further: with Liquid `size` of a map, or of a text, that has no such key is the number of its parts. */
class VariablesAlone extends Context {
  override readProperty(...[holder, key]: Parameters<Context["readProperty"]>): unknown {
    const isOfLiquid = key === "size" && !Array.isArray(holder) && !(isMap(holder) && Object.hasOwn(holder, key));
    return isOfLiquid ? undefined : super.readProperty(holder, key);
  }
}

const engine = sandbox();
const compiled = new WeakMap<Expression, Value>();

/** The value of an expression, or what keeps it from having one. */
export type Evaluated = { readonly value: unknown } | { readonly undefinedName: string } | { readonly failure: string };

/**
 * Evaluates one expression. It can run no code and read nothing but the given variables.
 * @param variables plain values for the expression's roots; a root that is undefined is left out
 */
export function evaluate(expression: Expression, variables: Readonly<Record<string, unknown>>): Evaluated {
  try {
    let value = compiled.get(expression);
    if (value === undefined) {
      value = new Value(expression.inner, engine);
      compiled.set(expression, value);
    }
    const context = new VariablesAlone({ ...variables }, engine.options, { sync: true });
    const result: unknown = toValueSync(value.value(context, expression.hasDefault));
    if (typeof result === "function" || result === undefined) return { value: null };
    if (typeof result === "string" && result.length > MAX_TEXT) return { failure: "gives more than 64 KiB of text" };
    return { value: result };
  } catch (error) {
    // LiquidJS tells by throwing; these are mistakes in the template, not in converge
    const message = error instanceof Error ? error.message : String(error);
    const missing = /undefined variable: ([^,]+)/.exec(message);
    if (missing?.[1] !== undefined) return { undefinedName: missing[1].trim() };
    return { failure: message.replace(/, line:\d+, col:\d+$/, "") };
  }
}
