import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";
import type { Placed } from "./document.js";
import { define, isMap, lazily, own, placeOf, typeName } from "./document.js";
import type { Unlock } from "../inventory/vault.js";
import { lockedAt, withoutQuoted } from "../inventory/vault.js";
import type { Expression, TemplateProblem } from "./expression.js";
import { MAX_TEXT } from "./filters.js";
import { didYouMean } from "./suggest.js";
import type { Template } from "./template.js";
import { evaluate, looksTemplated, parseTemplate } from "./template.js";

/** Variables that only the facts of a host fill in: each guest and disk has its own. */
export interface LateValues {
  readonly domain: string;
  readonly vdev: string;
}

export const LATE_NAMES: readonly string[] = ["domain", "vdev"];

/**
 * What a template gives. `late`: it needs `domain` or `vdev`, which are not known yet. `sealed`: it needs what a vault
 * holds that is left shut. `secret`: it was decrypted, or is made of what was, and no complaint shows it. Problems name
 * the place where they were written, which may be a variable far away.
 */
export type Rendered =
  | RenderedValue
  | { readonly kind: "late"; readonly at: SourceRange; readonly name: string }
  | { readonly kind: "sealed" }
  | { readonly kind: "problems"; readonly problems: readonly Diagnostic[] };

interface RenderedValue {
  readonly kind: "value";
  readonly value: unknown;
  readonly secret?: true;
}

/** Values one value may hold once templates are filled in: variables that hold others can double themselves. */
const MAX_VALUES = 100_000;
const MAX_CHAIN = 50;

/**
 * The variables of one host (or of none yet), nearest first already decided. Variables may hold templates that name
 * other variables; each is filled in when it is first used.
 */
export class Scope {
  private readonly filled = new Map<string, Rendered>();
  private readonly filling: string[] = [];

  constructor(
    readonly variables: ReadonlyMap<string, Placed>,
    /** `unknown`: the names are taken, and have no values yet. Unset: they are names like any other. */
    private readonly late?: LateValues | "unknown",
    /** How to speak of whose variables these are: `host dom0a`. */
    readonly owner?: string,
    /** Decrypts vaulted values; unset where no password was given. */
    private readonly unlock?: Unlock,
    /** Files that were left shut may define more: a name that is not known here is none that is not defined. */
    private readonly mayDefineMore = false,
  ) {}

  withLate(late: LateValues | "unknown"): Scope {
    return new Scope(this.variables, late, this.owner, this.unlock, this.mayDefineMore);
  }

  /** A value with every template in it filled in; maps and lists all the way down. */
  render(placed: Placed): Rendered {
    const { value } = placed;
    const secret = placed.document.source.secret === true;
    if (typeof value === "string") return looksTemplated(value) ? this.text(value, placed) : rendering(value, secret);
    if (Array.isArray(value)) {
      return this.each((value as unknown[]).map((item, i) => [i, item]), placed, (pairs) => pairs.map(([, item]) => item));
    }
    if (!isMap(value)) return rendering(value, secret);
    if (typeof own(value, "__ansible_unsafe") === "string") return rendering(own(value, "__ansible_unsafe"), secret);
    const vaulted = own(value, "__ansible_vault");
    if (typeof vaulted === "string") return this.unlocked(vaulted, placed);
    return this.each(Object.entries(value), placed, (pairs) => {
      const map: Record<string, unknown> = {};
      for (const [key, item] of pairs) define(map, String(key), item);
      return map;
    });
  }

  /** What a vaulted value holds; no template is filled in there. */
  private unlocked(vaulted: string, placed: Placed): Rendered {
    const opened = this.unlock?.(vaulted);
    if (opened === undefined) return { kind: "problems", problems: [lockedAt("this value", placeOf(placed))] };
    if ("sealed" in opened) return { kind: "sealed" };
    if ("text" in opened) return rendering(opened.text, true);
    return { kind: "problems", problems: [problemAt("vaulted", `this value is vaulted, and ${opened.problem}`, placeOf(placed))] };
  }

  /** A variable, filled in. */
  variable(name: string): Rendered | undefined {
    if (LATE_NAMES.includes(name) && this.late !== undefined && this.late !== "unknown") {
      return { kind: "value", value: name === "domain" ? this.late.domain : this.late.vdev };
    }
    const placed = this.variables.get(name);
    if (placed === undefined) return undefined;
    const known = this.filled.get(name);
    if (known !== undefined) return known;
    if (this.filling.includes(name) || this.filling.length >= MAX_CHAIN) {
      const chain = [...this.filling.slice(this.filling.indexOf(name)), name].join(" → ");
      const summary = `the variable '${name}' is made of itself`;
      const problem: Diagnostic = {
        severity: "error", code: "variable-loop", summary, detail: chain.slice(0, 400), at: placeOf(placed),
      };
      return { kind: "problems", problems: [problem] };
    }
    this.filling.push(name);
    const rendered = bounded(this.render(placed), placed, name);
    this.filling.pop();
    this.filled.set(name, rendered);
    return rendered;
  }

  private each(
    pairs: readonly (readonly [string | number, unknown])[],
    placed: Placed,
    join: (pairs: [string | number, unknown][]) => unknown,
  ): Rendered {
    const values: [string | number, unknown][] = [];
    const problems: Diagnostic[] = [];
    let sealed = false;
    let secret = placed.document.source.secret === true;
    for (const [key, value] of pairs) {
      const rendered = this.render({ value, document: placed.document, path: [...placed.path, key] });
      if (rendered.kind === "late") return rendered;
      if (rendered.kind === "problems") problems.push(...rendered.problems);
      else if (rendered.kind === "sealed") sealed = true;
      else {
        values.push([key, rendered.value]);
        secret ||= rendered.secret === true;
      }
    }
    if (problems.length > 0) return { kind: "problems", problems };
    return sealed ? { kind: "sealed" } : rendering(join(values), secret);
  }

  private text(text: string, placed: Placed): Rendered {
    const { template, problems } = parseTemplate(text);
    const rendered: Rendered = template === undefined
      ? { kind: "problems", problems: problems.map((problem) => templateProblem(problem, text, placed)) }
      : this.fill(template, text, placed);
    const { source } = placed.document;
    if (rendered.kind !== "problems" || source.secret !== true) return rendered;
    // the template itself was decrypted
    return { kind: "problems", problems: rendered.problems.map((problem) => problem.at?.source === source ? withoutQuoted(problem) : problem) };
  }

  private fill(template: Template, text: string, placed: Placed): Rendered {
    const values: unknown[] = [];
    const problems: Diagnostic[] = [];
    let sealed = false;
    let secret = placed.document.source.secret === true;
    for (const part of template.parts) {
      if (typeof part === "string") {
        values.push(part);
        continue;
      }
      const rendered = this.expression(part, text, placed);
      if (rendered.kind === "late") return rendered;
      if (rendered.kind === "problems") problems.push(...rendered.problems);
      else if (rendered.kind === "sealed") sealed = true;
      else if (!template.alone && (typeof rendered.value === "object")) {
        const summary = `'{{${part.inner}}}' is ${typeName(rendered.value)}, which can not be a part of a text`;
        problems.push(problemAt("template-type", summary, rangeInside(placed, text, part.start, part.end)));
      } else {
        values.push(rendered.value);
        secret ||= rendered.secret === true;
      }
    }
    if (problems.length > 0) return { kind: "problems", problems };
    if (sealed) return { kind: "sealed" };
    if (template.alone) return rendering(values[0] ?? null, secret);
    let joined = "";
    for (const value of values) if (joined.length <= MAX_TEXT) joined += String(value);
    if (joined.length <= MAX_TEXT) return rendering(joined, secret);
    return { kind: "problems", problems: [problemAt("too-large", "gives more than 64 KiB of text", placeOf(placed))] };
  }

  private expression(expression: Expression, text: string, placed: Placed): Rendered {
    const variables: Record<string, unknown> = {};
    let sealed = false;
    let secret = false;
    for (const root of expression.roots) {
      if (this.late === "unknown" && LATE_NAMES.includes(root.text)) {
        return { kind: "late", name: root.text, at: lazily(() => rangeInside(placed, text, root.start, root.end)) };
      }
      const rendered = this.variable(root.text);
      if (rendered?.kind === "problems") return rendered;
      if (rendered?.kind === "late") return rendered;
      if (rendered?.kind === "sealed" || (rendered === undefined && this.mayDefineMore && !LATE_NAMES.includes(root.text))) sealed = true;
      else if (rendered !== undefined) {
        define(variables, root.text, rendered.value);
        secret ||= rendered.secret === true;
      } else if (!expression.hasDefault) return this.undefinedVariable(root.text, root, text, placed);
    }
    if (sealed) return { kind: "sealed" };
    const result = evaluate(expression, variables);
    if ("value" in result) return rendering(result.value, secret);
    if ("undefinedName" in result) {
      const undefinedPath = this.undefinedPath(result.undefinedName, expression, variables, text, placed);
      // a key that is read from a variable stands in the path as its value
      const isWritten = !secret || expression.inner.replaceAll(/\s/g, "").includes(result.undefinedName);
      return problemOf(isWritten ? undefinedPath : withoutQuoted(undefinedPath));
    }
    const at = rangeInside(placed, text, expression.start, expression.end);
    const failed = problemAt("template-failed", `this template can not be filled in: ${result.failure}`, at);
    return problemOf(secret ? withoutQuoted(failed) : failed);
  }

  private undefinedVariable(
    name: string, at: { readonly start: number; readonly end: number }, text: string, placed: Placed,
  ): Rendered {
    const hint = LATE_NAMES.includes(name)
      ? `'${name}' is known in a disk's volume only`
      : didYouMean(name, this.late === undefined ? this.variables.keys() : [...this.variables.keys(), ...LATE_NAMES]);
    const problem: Diagnostic = {
      severity: "error", code: "undefined-variable", at: rangeInside(placed, text, at.start, at.end),
      summary: `the variable '${name}' is not defined${this.owner === undefined ? "" : ` for ${this.owner}`}`,
      fix: hint ?? `Define it in the inventory, under vars, or with -e ${name}=…`,
    };
    return { kind: "problems", problems: [problem] };
  }

  /** `a.b.c` where `a` is defined: the first step that leads nowhere, and what is there instead. */
  private undefinedPath(
    path: string, expression: Expression, variables: Readonly<Record<string, unknown>>, text: string, placed: Placed,
  ): Diagnostic {
    const root = expression.roots.find((r) => path.startsWith(r.text)) ?? expression.roots[0];
    const start = root?.start ?? expression.start;
    const last = path.split(".").at(-1) ?? path;
    let holder: unknown = variables;
    for (const step of path.split(".").slice(0, -1)) holder = isMap(holder) ? own(holder, step) : undefined;
    const keys = isMap(holder) ? Object.keys(holder) : [];
    const fix = didYouMean(last, keys) ?? (keys.length > 0 ? `What is there: ${keys.slice(0, 8).join(", ")}` : undefined);
    const at = rangeInside(placed, text, start, Math.min(start + path.length, expression.end));
    const problem = problemAt("undefined-variable", `'${path}' is not defined`, at);
    return fix === undefined ? problem : { ...problem, fix };
  }
}

function rendering(value: unknown, secret: boolean): RenderedValue {
  return secret ? { kind: "value", value, secret } : { kind: "value", value };
}

function problemOf(problem: Diagnostic): Rendered {
  return { kind: "problems", problems: [problem] };
}

function bounded(rendered: Rendered, placed: Placed, name: string): Rendered {
  if (rendered.kind !== "value" || countValues(rendered.value, MAX_VALUES) < MAX_VALUES) return rendered;
  const summary = `the variable '${name}' holds more than ${MAX_VALUES} values`;
  return { kind: "problems", problems: [problemAt("too-many-values", summary, placeOf(placed))] };
}

function countValues(value: unknown, limit: number): number {
  let count = 0;
  const stack: unknown[] = [value];
  while (stack.length > 0 && count < limit) {
    const top = stack.pop();
    count += 1;
    if (typeof top === "object" && top !== null) stack.push(...(Object.values(top) as unknown[]).slice(0, limit));
  }
  return count;
}

function problemAt(code: string, summary: string, at: SourceRange): Diagnostic {
  return { severity: "error", code, summary, at };
}

/** A mistake in a template as a diagnostic at its place in the file. */
export function templateProblem(problem: TemplateProblem, text: string, placed: Placed): Diagnostic {
  return {
    severity: "error", code: problem.code, summary: problem.summary,
    at: rangeInside(placed, text, problem.start, problem.end),
    ...(problem.fix === undefined ? {} : { fix: problem.fix }),
  };
}

/**
 * The place of a part of a scalar. Exact where the scalar stands in the file as it reads; where escapes or folded
 * lines lie between, the place of the same words, or else the whole scalar.
 */
export function rangeInside(placed: Placed, text: string, start: number, end: number): SourceRange {
  const whole = placeOf(placed);
  const raw = whole.source.text.slice(whole.start, whole.end);
  const part = text.slice(start, end);
  const offset = raw.indexOf(text);
  if (offset !== -1) return within(whole, offset + start, offset + end);
  const earlier = text.slice(0, start).split(part).length - 1;
  let found = part === "" ? -1 : raw.indexOf(part);
  for (let i = 0; i < earlier && found !== -1; i += 1) found = raw.indexOf(part, found + 1);
  return found === -1 ? whole : within(whole, found, found + part.length);
}

function within(range: SourceRange, start: number, end: number): SourceRange {
  return { source: range.source, start: range.start + start, end: range.start + end };
}
