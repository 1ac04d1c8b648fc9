import type { XlConfig, XlNumber, XlStatement, XlString, XlValue } from "./syntax.js";

/**
 * The settings of a config as xl has them after reading it: the last assignment of a key, and what was added
 * to it.
 */

export interface XlAtom {
  readonly kind: "atom";
  readonly text: string;
  /** The literals that the text was put together from. */
  readonly nodes: readonly (XlString | XlNumber)[];
}

export interface XlItems {
  readonly kind: "list";
  readonly items: readonly XlValue[];
}

export interface XlSetting {
  readonly key: string;
  readonly value: XlAtom | XlItems;
  /** The statements that the value comes from, the last one last. */
  readonly statements: readonly XlStatement[];
  /** Set or added to more than once before by statements that no longer count. */
  readonly overwritten: readonly XlStatement[];
}

export type XlSettings = ReadonlyMap<string, XlSetting>;

/** Evaluates a config (xlu__cfg_set_store in tools/libs/util/libxlu_cfg.c). Takes linear time. */
export function evaluate(config: XlConfig): XlSettings {
  const open = new Map<string, { statements: XlStatement[]; overwritten: XlStatement[] }>();
  for (const statement of config.statements) {
    const before = open.get(statement.key);
    if (before === undefined) open.set(statement.key, { statements: [statement], overwritten: [] });
    else if (statement.operator === "+=") before.statements.push(statement);
    else {
      before.overwritten.push(...before.statements);
      before.statements = [statement];
    }
  }
  const settings = new Map<string, XlSetting>();
  for (const [key, { statements, overwritten }] of open) {
    const nodes: (XlString | XlNumber)[] = [];
    const items: XlValue[] = [];
    for (const { value } of statements) {
      if (value.kind === "list") for (const item of value.items) items.push(item);
      else nodes.push(value);
    }
    // the parser has seen to it that lists and single values are not mixed
    const value: XlAtom | XlItems =
      statements[0]?.value.kind === "list"
        ? { kind: "list", items }
        : { kind: "atom", text: nodes.map((node) => node.value).join(""), nodes };
    settings.set(key, { key, value, statements, overwritten });
  }
  return settings;
}

/** A single value, numbers as they were written. @returns undefined where the key is not set or is a list */
export function stringOf(settings: XlSettings, key: string): string | undefined {
  const value = settings.get(key)?.value;
  return value?.kind === "atom" ? value.text : undefined;
}

/**
 * A whole number, read as C's strtol does with base 0: `0x10` and `"0x10"` are 16, `010` is 8.
 * @returns undefined where xl gets no number: not set, a list, other text, added to with `+=`, beyond 64 bits
 */
export function numberOf(settings: XlSettings, key: string): number | undefined {
  const setting = settings.get(key);
  if (setting?.value.kind !== "atom" || setting.statements.at(-1)?.operator === "+=") return undefined;
  const match = /^[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9][0-9]*))$/.exec(
    setting.value.text,
  );
  if (match === null) return undefined;
  const [, sign, hex, octal, decimal] = match;
  // what nearly all numbers are: exact without a BigInt, in any base
  const digits = hex ?? octal ?? decimal ?? "";
  if (digits.length <= 12) {
    const few = parseInt(digits === "" ? "0" : digits, hex !== undefined ? 16 : octal !== undefined ? 8 : 10);
    return sign === "-" && few !== 0 ? -few : few;
  }
  // a number of more digits than any of 64 bits is not worth computing
  if (digits.replace(/^0+/, "").length > 22) return undefined;
  const size = BigInt(
    hex !== undefined ? `0x${hex}` : octal !== undefined ? `0o${octal || "0"}` : (decimal ?? "0"),
  );
  const value = sign === "-" ? -size : size;
  return value >= -(2n ** 63n) && value < 2n ** 63n ? Number(value) : undefined;
}

/** The items of a list. @returns undefined where the key is not set or is no list */
export function listOf(settings: XlSettings, key: string): readonly XlValue[] | undefined {
  const value = settings.get(key)?.value;
  return value?.kind === "list" ? value.items : undefined;
}

/**
 * The strings of a list, as xl walks along one: it stops at the first item that is a list itself.
 * (xlu_cfg_get_listitem gives no string for that one, and every loop in tools/xl/xl_parse.c ends there.)
 */
export function stringsOf(settings: XlSettings, key: string): readonly (XlString | XlNumber)[] {
  const strings: (XlString | XlNumber)[] = [];
  for (const item of listOf(settings, key) ?? []) {
    if (item.kind === "list") break;
    strings.push(item);
  }
  return strings;
}

/** Whether two settings say the same, wherever they stand: the same literals in the same quotes. */
export function sameSetting(a: XlSetting | undefined, b: XlSetting | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.value.kind === "list") return b.value.kind === "list" && sameLiterals(a.value.items, b.value.items);
  return b.value.kind === "atom" && sameLiterals(a.value.nodes, b.value.nodes);
}

function sameLiterals(a: readonly XlValue[], b: readonly XlValue[]): boolean {
  return a.length === b.length && a.every((value, i) => sameLiteral(value, b[i]));
}

function sameLiteral(a: XlValue, b: XlValue | undefined): boolean {
  if (b === undefined) return false;
  if (a.kind === "list") return b.kind === "list" && sameLiterals(a.items, b.items);
  const quoted = a.kind === "string" ? b.kind === "string" && a.quote === b.quote : b.kind === "number";
  return quoted && b.kind !== "list" && a.value === b.value;
}
