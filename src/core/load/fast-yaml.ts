import type { Event, ScalarEvent } from "js-yaml";
import { EVENT_ID, SCALAR_STYLE, getScalarValue, parseEvents } from "js-yaml";
import type { NumberReading } from "./exact-number.js";
import type { Path, PlainMap } from "./document.js";
import { define, isMap } from "./document.js";
import type { ShapedKey } from "./python-shape.js";
import { isWholeKey, keepKeys, mergeMaps } from "./python-shape.js";
import { isDate, isImpossibleDate, plainScalar } from "./yaml-scalars.js";
import { hasEscapedBreakBeforeEmptyLine, readDoubleQuoted } from "./yaml-quotes.js";
import { isCrampedKey, numberOfKey, shapedKey, typedKeyText } from "./yaml-keys.js";

/** Bounds of what is read, the same as the slow reader's. */
export interface FastYamlOptions {
  readonly numbers: NumberReading;
  readonly maxDepth: number;
  readonly maxValuesByAlias: number;
}

export interface FastYaml {
  readonly value: unknown;
  /** A key somewhere is no text (`on:`, `1:`). */
  readonly typedKeys: boolean;
}

/**
 * Values of a YAML document, without places, several times as fast as yaml.ts reads it.
 * @returns undefined where anything is out of the ordinary (no YAML, a key twice, a tag, a loop, too much by aliases):
 *   the slow reader then says what is wrong and where, or that nothing is
 */
export function fastYaml(text: string, options: FastYamlOptions): FastYaml | undefined {
  if (OTHER_LINE_ENDS.test(text)) return undefined;
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: options.maxDepth });
  } catch {
    // whatever the parser has against it: the slow reader looks for itself
    return undefined;
  }
  if (events.length === 0) return { value: null, typedKeys: false };
  try {
    return new EventReader(text, events, options).document();
  } catch (error) {
    if (error instanceof OutOfTheOrdinary) return undefined;
    throw error;
  }
}

/** What ends a line in YAML 1.1, and in 1.2 does not. */
const OTHER_LINE_ENDS = /[\u0085\u2028\u2029]/;

const HYPHEN = 45;
/** `:` and `?`: texts may begin with them, though not within brackets. */
const BRACKET_STARTS: ReadonlySet<number> = new Set([58, 63]);

class OutOfTheOrdinary extends Error {}

interface Anchored {
  readonly value: unknown;
  readonly size: number;
}

class EventReader {
  private next = 0;
  private values = 0;
  private aliased = 0;
  private typedKeys = false;
  private readonly anchors = new Map<string, Anchored | undefined>();

  constructor(
    private readonly text: string,
    private readonly events: readonly Event[],
    private readonly options: FastYamlOptions,
  ) {}

  document(): FastYaml {
    this.take();
    const value = this.events[this.next]?.type === EVENT_ID.POP ? null : this.node();
    // a second document is the slow reader's to refuse
    if (this.next + 1 !== this.events.length) throw new OutOfTheOrdinary();
    return { value, typedKeys: this.typedKeys };
  }

  private take(): Event {
    const event = this.events[this.next];
    if (event === undefined) throw new OutOfTheOrdinary();
    this.next += 1;
    return event;
  }

  private node(): unknown {
    const event = this.take();
    if (event.type === EVENT_ID.SCALAR && event.anchorStart === -1) {
      this.values += 1;
      return this.scalar(event);
    }
    if (event.type === EVENT_ID.ALIAS) return this.alias(this.text.slice(event.anchorStart, event.anchorEnd));
    if (event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) throw new OutOfTheOrdinary();
    const before = this.values;
    this.values += 1;
    const name = event.anchorStart === -1 ? undefined : this.text.slice(event.anchorStart, event.anchorEnd);
    if (name !== undefined) {
      if (!/^[\w-]+$/.test(name) || this.anchors.has(name)) throw new OutOfTheOrdinary();
      // an alias inside of what it names finds nothing yet
      this.anchors.set(name, undefined);
    }
    const value = this.content(event);
    if (name !== undefined) this.anchors.set(name, { value, size: this.values - before });
    return value;
  }

  private content(event: Exclude<Event, { type: typeof EVENT_ID.DOCUMENT | typeof EVENT_ID.POP | typeof EVENT_ID.ALIAS }>): unknown {
    if (event.type === EVENT_ID.SCALAR) return this.scalar(event);
    if (event.tagStart !== -1) throw new OutOfTheOrdinary();
    return event.type === EVENT_ID.SEQUENCE ? this.sequence() : this.mapping();
  }

  private alias(name: string): unknown {
    const target = this.anchors.get(name);
    if (target === undefined) throw new OutOfTheOrdinary();
    this.values += target.size;
    this.aliased += target.size;
    if (this.aliased > this.options.maxValuesByAlias) throw new OutOfTheOrdinary();
    return target.value;
  }

  private raw(event: ScalarEvent): string {
    if (event.valueStart === -1) return "";
    if (event.fast) return this.text.slice(event.valueStart, event.valueEnd);
    if (event.style === SCALAR_STYLE.DOUBLE_QUOTED) {
      const quoted = this.text.slice(event.valueStart, event.valueEnd);
      if (hasEscapedBreakBeforeEmptyLine(quoted)) return readDoubleQuoted(quoted);
    }
    const value = getScalarValue(this.text, event);
    // a tab where the indent is looked for: libyaml refuses it, where no number says the indent
    if ((event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK) && /^\n*\t/.test(value)) throw new OutOfTheOrdinary();
    return value;
  }

  private scalar(event: ScalarEvent): unknown {
    if (event.tagStart !== -1) return this.tagged(event);
    const text = this.raw(event);
    if (event.style !== SCALAR_STYLE.PLAIN) return text;
    if (text === "=" || text === "<<" || BRACKET_STARTS.has(text.charCodeAt(0))) throw new OutOfTheOrdinary();
    const value = plainScalar(text, this.options.numbers);
    if (text.charCodeAt(4) === HYPHEN && typeof value === "string" && isImpossibleDate(text)) throw new OutOfTheOrdinary();
    return value;
  }

  /** The two tags of Ansible, which stand for themselves; all others are the slow reader's. */
  private tagged(event: ScalarEvent): unknown {
    const tag = this.text.slice(event.tagStart, event.tagEnd);
    if (tag === "!vault" || tag === "!vault-encrypted") return { __ansible_vault: this.raw(event) };
    if (tag === "!unsafe") return { __ansible_unsafe: this.raw(event) };
    throw new OutOfTheOrdinary();
  }

  private sequence(): unknown[] {
    const items: unknown[] = [];
    while (this.events[this.next]?.type !== EVENT_ID.POP) items.push(this.node());
    this.next += 1;
    return items;
  }

  private mapping(): unknown {
    const map: Record<string, unknown> = {};
    let merged: PlainMap[] | undefined;
    let shaped: ShapedKey[] | undefined;
    let numbers: Set<number> | undefined;
    while (this.events[this.next]?.type !== EVENT_ID.POP) {
      const event = this.take();
      if (event.type !== EVENT_ID.SCALAR || event.tagStart !== -1 || event.anchorStart !== -1) throw new OutOfTheOrdinary();
      const plain = event.style === SCALAR_STYLE.PLAIN;
      const text = this.raw(event);
      if (plain && text === "<<") {
        merged = [...(merged ?? []), ...this.merge()];
        continue;
      }
      const typed = plain ? this.typedKey(text, event) : text;
      const key = typeof typed === "string" ? typed : typedKeyText(typed);
      if (Object.hasOwn(map, key)) throw new OutOfTheOrdinary();
      if (shaped !== undefined || key !== typed || isWholeKey(key)) {
        shaped ??= Object.keys(map).map((earlier) => [earlier, undefined]);
        shaped.push(shapedKey(key, typed));
        const number = key === typed ? undefined : numberOfKey(typed);
        if (number !== undefined && numbers?.has(number) === true) throw new OutOfTheOrdinary();
        if (number !== undefined) (numbers ??= new Set()).add(number);
      }
      define(map, key, this.node());
    }
    this.next += 1;
    if (shaped !== undefined) keepKeys(map, shaped);
    return merged === undefined ? map : mergeMaps(merged, map);
  }

  private typedKey(text: string, event: ScalarEvent): ReturnType<typeof plainScalar> {
    if (event.valueStart === -1 || BRACKET_STARTS.has(text.charCodeAt(0)) || isCrampedKey(this.text, event.valueEnd)) throw new OutOfTheOrdinary();
    if (text.charCodeAt(4) === HYPHEN && isDate(text)) throw new OutOfTheOrdinary();
    const value = plainScalar(text, "exact");
    if (typeof value !== "string") this.typedKeys = true;
    return value;
  }

  private merge(): readonly PlainMap[] {
    const value = this.node();
    if (isMap(value)) return [value];
    // of a list the first one wins
    if (Array.isArray(value) && (value as unknown[]).every(isMap)) return [...(value as PlainMap[])].reverse();
    throw new OutOfTheOrdinary();
  }
}

/** Looks places up without the slow reader, where the way there is an ordinary one. */
export class FastPlaces {
  private readonly events: readonly Event[];

  constructor(private readonly text: string, maxDepth: number) {
    this.events = parseEvents(text, { maxDepth });
  }

  /** Of the key, or of a value that is one plain word; undefined where only the slow reader knows. */
  find(path: Path, part: "value" | "key"): { readonly start: number; readonly end: number } | undefined {
    let at = 1;
    for (const [depth, step] of path.entries()) {
      const found = this.child(at, step);
      if (found === undefined) return undefined;
      if (part === "key" && depth === path.length - 1) return this.plain(found.key);
      at = found.value;
    }
    return part === "value" ? this.plain(at) : undefined;
  }

  private plain(at: number | undefined): { readonly start: number; readonly end: number } | undefined {
    const event = at === undefined ? undefined : this.events[at];
    if (event?.type !== EVENT_ID.SCALAR || !isOrdinary(event) || event.style !== SCALAR_STYLE.PLAIN || !event.fast) return undefined;
    return { start: event.valueStart, end: event.valueEnd };
  }

  private child(at: number, step: string | number): { readonly key?: number; readonly value: number } | undefined {
    const type = this.events[at]?.type;
    let next = at + 1;
    if (type === EVENT_ID.SEQUENCE && typeof step === "number") {
      for (let i = 0; i < step && this.events[next]?.type !== EVENT_ID.POP; i += 1) next = this.after(next);
      return this.events[next]?.type === EVENT_ID.POP ? undefined : { value: next };
    }
    if (type !== EVENT_ID.MAPPING) return undefined;
    let found: { readonly key: number; readonly value: number } | undefined;
    while (this.events[next]?.type !== EVENT_ID.POP) {
      const event = this.events[next];
      if (event?.type !== EVENT_ID.SCALAR || !isOrdinary(event)) return undefined;
      const text = event.fast ? this.text.slice(event.valueStart, event.valueEnd) : getScalarValue(this.text, event);
      // what is merged in may be what is asked for
      if (text === "<<") return undefined;
      const key = event.style === SCALAR_STYLE.PLAIN ? typedKeyText(plainScalar(text, "exact")) : text;
      if (key === String(step)) found = { key: next, value: next + 1 };
      next = this.after(next + 1);
    }
    return found;
  }

  /** The event behind a node. */
  private after(at: number): number {
    let depth = 0;
    let next = at;
    do {
      const type = this.events[next]?.type;
      if (type === undefined) return next;
      if (type === EVENT_ID.SEQUENCE || type === EVENT_ID.MAPPING) depth += 1;
      else if (type === EVENT_ID.POP) depth -= 1;
      next += 1;
    } while (depth > 0);
    return next;
  }
}

const isOrdinary = (event: ScalarEvent): boolean => event.valueStart !== -1 && event.tagStart === -1 && event.anchorStart === -1;
